"use strict";
// Shows every notification the flow received as a card, rendered by Microsoft's own library, and sends a pressed button to
// the simulated flow, which calls RemediateAccount as Power Automate would.

const markdown = window.markdownit({ linkify: true });
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = markdown.render(text);
  result.didProcess = true;
};

const hostConfig = new AdaptiveCards.HostConfig({
  fontFamily: '"Segoe UI", system-ui, sans-serif',
  spacing: { small: 4, default: 8, medium: 12, large: 16, extraLarge: 24, padding: 14 },
  containerStyles: {
    default: { foregroundColors: { default: { default: "#242424", subtle: "#5c5c66" }, attention: { default: "#b10e1c", subtle: "#b10e1c" }, warning: { default: "#8a5a00", subtle: "#8a5a00" }, good: { default: "#0b6a0b", subtle: "#0b6a0b" } } },
    attention: { backgroundColor: "#fdf3f4", foregroundColors: { default: { default: "#242424", subtle: "#5c5c66" }, attention: { default: "#b10e1c", subtle: "#b10e1c" } } },
    warning: { backgroundColor: "#fff9ed", foregroundColors: { default: { default: "#242424", subtle: "#5c5c66" }, warning: { default: "#8a5a00", subtle: "#8a5a00" } } },
    emphasis: { backgroundColor: "#f7f7fa" },
  },
  actions: { maxActions: 6, actionsOrientation: "horizontal", actionAlignment: "left", buttonSpacing: 8 },
  factSet: { title: { weight: "bolder", maxWidth: 170 }, spacing: 12 },
});

const shown = new Map();
const incidents = new Map();

// A report stands beside the card of the threat that it is about.
function beside(notification, post) {
  post.classList.add("paired");
  const place = document.createElement("div");
  place.className = "card report";
  place.append(rendered(notification, () => {}));
  post.querySelector(".cards").append(place);
  shown.set(notification.LogID, post);
}

function rendered(notification, pressed) {
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = hostConfig;
  card.parse(JSON.parse(notification.Card));
  card.onExecuteAction = (action) => {
    if (action instanceof AdaptiveCards.SubmitAction) pressed(action.data.Action);
  };
  return card.render();
}

function render(notification) {
  const threat = incidents.get(notification.IncidentId);
  if (notification.Type === "Investigation" && threat) return beside(notification, threat);
  const post = document.getElementById("post").content.firstElementChild.cloneNode(true);
  post.dataset.logId = notification.LogID;
  post.querySelector("time").textContent = notification.Received;
  post.querySelector(".card").append(rendered(notification, (action) => press(post, notification.LogID, action)));
  if (notification.IncidentId && !incidents.has(notification.IncidentId)) incidents.set(notification.IncidentId, post);
  document.getElementById("cards").append(post);
  shown.set(notification.LogID, post);
}

async function press(post, logId, action) {
  const buttons = post.querySelectorAll(".ac-pushButton");
  buttons.forEach((button) => (button.disabled = true));
  const answer = post.querySelector(".answer");
  answer.hidden = false;
  answer.querySelector("h3").textContent = `${action} …`;
  try {
    const response = await fetch("/press", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ LogID: logId, Action: action }),
    });
    show(answer, response.status, await response.json());
  } catch (error) {
    answer.querySelector("h3").textContent = `The flow could not be reached: ${error.message}`;
  }
  buttons.forEach((button) => (button.disabled = false));
}

function show(answer, status, result) {
  answer.dataset.status = result.Status ?? String(status);
  answer.querySelector("h3").textContent = result.Status
    ? `${result.Action}: ${result.Status}${result.Account ? ` – ${result.Account}` : ""}`
    : `Refused (${status}): ${result.Error ?? "no reason given"}`;
  const rows = (result.Steps ?? []).map((step) => {
    const row = document.createElement("tr");
    for (const text of [step.Step, step.Outcome, step.Detail, step.Verified]) {
      const cell = document.createElement("td");
      cell.textContent = text === null || text === undefined ? "" : text === true ? "holds" : text === false ? "does not hold" : String(text);
      row.append(cell);
    }
    row.children[1].className = step.Outcome;
    return row;
  });
  const table = answer.querySelector("table");
  table.hidden = rows.length === 0;
  table.tBodies[0].replaceChildren(...rows);
}

// What the other channels received, one column each. All of it is text, or a card whose links lead nowhere here.
const columns = new Map();

function column(name) {
  if (!columns.has(name)) {
    const section = document.createElement("section");
    section.className = "channel";
    const heading = document.createElement("h2");
    heading.textContent = name;
    section.append(heading);
    document.getElementById("columns").append(section);
    document.body.classList.add("channels");
    columns.set(name, section);
  }
  return columns.get(name);
}

function showReceived(channel) {
  const section = column(channel.Name);
  for (const received of channel.Posts.slice(section.querySelectorAll(".post").length)) {
    const post = document.createElement("article");
    post.className = "post";
    if (received.Card) {
      const card = new AdaptiveCards.AdaptiveCard();
      card.hostConfig = hostConfig;
      card.parse(JSON.parse(received.Card));
      card.onExecuteAction = () => {};
      const frame = document.createElement("div");
      frame.className = "card";
      frame.append(card.render());
      post.append(frame);
    } else {
      const text = document.createElement("pre");
      text.textContent = received.Text;
      post.append(text);
    }
    section.append(post);
  }
}

async function poll() {
  try {
    const notifications = await (await fetch("/notifications")).json();
    for (const notification of notifications) if (!shown.has(notification.LogID)) render(notification);
    for (const channel of await (await fetch("/channels")).json()) showReceived(channel);
    document.getElementById("status").textContent =
      shown.size === 0 ? "Waiting for the first notification …" : `${shown.size} notification${shown.size === 1 ? "" : "s"}`;
  } catch {
    document.getElementById("status").textContent = "The demo has ended.";
  }
  setTimeout(poll, 1000);
}
poll();

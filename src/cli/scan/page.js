const box = document.getElementById('filter');
box.addEventListener('input', () => {
  const wanted = box.value.toLowerCase();
  for (const finding of document.querySelectorAll('.finding')) {
    const account = finding.closest('.account');
    const text = (account ? account.querySelector('h2').textContent : '') + finding.textContent;
    finding.hidden = !text.toLowerCase().includes(wanted);
  }
  for (const account of document.querySelectorAll('.account')) {
    account.hidden = !account.querySelector('.finding:not([hidden])');
  }
});

// Azurite is started by a test process that holds the other end of standard input. It ends when that process does,
// however that comes about.
process.stdin.on("end", () => process.exit(0)).resume();

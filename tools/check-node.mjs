// Runs before npm scripts, under whatever Node npm found; plain JavaScript, so that an old Node can read it and say so.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `Caregraph runs on Node 24, and this is ${process.version}. Run "npm ci" without --omit=optional, which brings Node 24 along, ` +
      'and start through npm ("npm start"). Where no package of Node 24 exists for the machine (Apple silicon), install Node 24 or later yourself.',
  );
  process.exit(1);
}

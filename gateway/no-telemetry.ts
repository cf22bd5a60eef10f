/** Imported before Apollo's packages, which call out by default. */
process.env['APOLLO_TELEMETRY_DISABLED'] = '1';

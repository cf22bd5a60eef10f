/** Where one PostgreSQL server of a city listens. */
export type NodeAddress = { readonly host: string; readonly port: number };

/**
 * A city as configuration gives it: a code of three capitals, its names, an IANA time zone, and the servers of its database
 * (primary and replicas in any order; which is which is asked of them).
 */
export type CityConfig = {
  readonly code: string;
  readonly name: { readonly en: string; readonly fr: string };
  readonly timeZone: string;
  /** Names of towns and beginnings of postal codes whose people have their home here; compared without case and accents. */
  readonly home: { readonly towns: readonly string[]; readonly postalPrefixes: readonly string[] };
  /** How long before the start a patient can still cancel, in minutes. */
  readonly noticeMinutes: number;
  readonly database: string;
  readonly nodes: readonly NodeAddress[];
  /** TLS towards the database: off only on loopback. */
  readonly tls: boolean;
};

/** The network's own three cities, without their servers. A fourth is one more entry of the `CITIES` setting. */
export const HOME_CITIES: readonly Omit<CityConfig, 'nodes' | 'database' | 'tls'>[] = [
  {
    code: 'MTL',
    name: { en: 'Montreal', fr: 'Montréal' },
    timeZone: 'America/Toronto',
    home: { towns: ['montreal', 'laval', 'longueuil'], postalPrefixes: ['H'] },
    noticeMinutes: 120,
  },
  {
    code: 'QUE',
    name: { en: 'Quebec City', fr: 'Québec' },
    timeZone: 'America/Toronto',
    home: { towns: ['quebec', 'quebec city', 'levis'], postalPrefixes: ['G1', 'G2', 'G3'] },
    noticeMinutes: 120,
  },
  {
    code: 'SHE',
    name: { en: 'Sherbrooke', fr: 'Sherbrooke' },
    timeZone: 'America/Toronto',
    home: { towns: ['sherbrooke', 'magog'], postalPrefixes: ['J1'] },
    noticeMinutes: 120,
  },
];

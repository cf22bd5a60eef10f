import type { TokenSigner } from '#platform/access/token.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { CursorCodec } from '#platform/paging/connection.ts';
import type { Passwords } from './passwords.ts';

/** What services are made of, once per process. */
export type Parts = {
  readonly cities: Cities;
  readonly clock: () => Date;
  readonly cursors: CursorCodec;
  readonly passwords: Passwords;
  readonly signToken: TokenSigner;
};

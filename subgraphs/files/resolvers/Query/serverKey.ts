import type { QueryResolvers } from '../../generated/resolvers.ts';

/** A public key is for everybody: nobody has to log in for it. */
export const serverKey: NonNullable<QueryResolvers['serverKey']> = (_parent, _args, { services }) => {
  const jwk = services.serverKey();
  return { kid: jwk['kid'] ?? '', jwk: JSON.stringify(jwk), algorithms: [jwk['alg'] ?? '', 'A256GCM'] };
};

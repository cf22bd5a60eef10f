import type { MedicalFileResolvers, MedicalFileVersionResolvers } from '../generated/resolvers.ts';

type OfFile = Required<Pick<MedicalFileResolvers, 'download' | 'downloadUrl'>>;
type OfVersion = Required<Pick<MedicalFileVersionResolvers, 'download' | 'downloadUrl'>>;

/** Addresses of a file's newest version. */
export const fileDownload: OfFile = {
  download: async ({ id, version }, { publicKey }, { caller, services, loaders }) =>
    services.offerDownload(caller, await loaders.version.load({ fileId: id, version }), publicKey ?? null),
  downloadUrl: async ({ id, version }, _args, { caller, services, loaders }) =>
    (await services.offerDownload(caller, await loaders.version.load({ fileId: id, version }), null)).url,
};

/** Addresses of a version. */
export const versionDownload: OfVersion = {
  download: (version, { publicKey }, { caller, services }) => services.offerDownload(caller, version, publicKey ?? null),
  downloadUrl: async (version, _args, { caller, services }) => (await services.offerDownload(caller, version, null)).url,
};

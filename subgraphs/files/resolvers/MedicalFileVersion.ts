import type { MedicalFileVersionResolvers } from '../generated/resolvers.ts';
import { versionDownload } from './download.ts';

export const MedicalFileVersion: MedicalFileVersionResolvers = {
  content: (version, _args, { caller, services }) => services.content(caller, version),
  sealedContent: (version, { publicKey }, { caller, services }) => services.sealedContent(caller, version, publicKey),
  ...versionDownload,
  copies: (version, _args, { services, loaders }) => services.copiesOf(loaders, version),
};

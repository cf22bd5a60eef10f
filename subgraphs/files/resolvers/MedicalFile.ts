import type { MedicalFileResolvers } from '../generated/resolvers.ts';
import { fileDownload } from './download.ts';

export const MedicalFile: MedicalFileResolvers = {
  __resolveReference: (reference, { loaders }) => {
    const { id, nodeId } = reference as { readonly id?: string; readonly nodeId?: string };
    return loaders.file.load(nodeId === undefined ? { id: id ?? '', act: 'file' } : { id: nodeId, act: 'node' });
  },
  nodeId: ({ id }) => id,
  patient: ({ patientId }) => ({ id: patientId }),
  versions: (file, input, { caller, services }) => services.versionsOf(caller, file, input),
  content: async ({ id, version }, _args, { caller, services, loaders }) =>
    services.content(caller, await loaders.version.load({ fileId: id, version })),
  sealedContent: async ({ id, version }, { publicKey }, { caller, services, loaders }) =>
    services.sealedContent(caller, await loaders.version.load({ fileId: id, version }), publicKey),
  ...fileDownload,
  copies: async ({ id, version }, _args, { services, loaders }) =>
    services.copiesOf(loaders, await loaders.version.load({ fileId: id, version })),
};

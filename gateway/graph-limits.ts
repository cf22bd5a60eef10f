import { GATEWAY_LIMITS, type Limits } from '#platform/graphql/limits.ts';

/**
 * What callers may ask of the graph. A sealed file may be as long as 1 MiB gets by two rounds of base64; a content counts by what it weighs,
 * so that one answer stays under 20 MB.
 */
export const GRAPH_LIMITS: Limits = {
  ...GATEWAY_LIMITS,
  longTexts: { 'UploadFileInput.sealed': 1_500_000 },
  weights: {
    'MedicalFile.content': 200,
    'MedicalFile.sealedContent': 1_000,
    'MedicalFileVersion.content': 200,
    'MedicalFileVersion.sealedContent': 1_000,
  },
};

import path from 'node:path';
import { fileTypeFromBuffer } from 'file-type';

const TYPES: Readonly<Record<string, string>> = {
  '.pdf': 'application/pdf',
  '.dcm': 'application/dicom',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
  '.jp2': 'image/jp2',
  '.txt': 'text/plain',
  '.csv': 'text/csv',
  '.json': 'application/json',
};

/** The media type of a local file, by its name and then by its first bytes; null where neither tells. */
export const guessType = async (name: string, beginning: Uint8Array): Promise<string | null> => {
  const byName = name.toLowerCase().endsWith('.fhir.json') ? 'application/fhir+json' : TYPES[path.extname(name).toLowerCase()];
  if (byName !== undefined) return byName;
  const found = (await fileTypeFromBuffer(beginning))?.mime;
  return found !== undefined && Object.values(TYPES).includes(found) ? found : null;
};

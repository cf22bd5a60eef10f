import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Real documents that stand beside the repository on some desks; see their SOURCE.md. Empty where they are not. */
const REAL = path.resolve('../shared/data/medical-files');
const TYPES: Readonly<Record<string, string>> = {
  '.dcm': 'application/dicom',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.txt': 'text/plain',
};
export const realFiles = (): { readonly name: string; readonly contentType: string; readonly bytes: Buffer }[] =>
  existsSync(REAL)
    ? readdirSync(REAL).flatMap((name) => {
        const contentType = TYPES[path.extname(name)];
        return contentType === undefined ? [] : [{ name, contentType, bytes: readFileSync(path.join(REAL, name)) }];
      })
    : [];

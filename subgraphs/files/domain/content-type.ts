import type { ContentRefusedReason } from './refusal.ts';

/** Media types that are kept. Nothing that a browser runs or unpacks is among them. */
export const ALLOWED_TYPES = [
  'application/dicom',
  'application/pdf',
  'image/png',
  'image/jpeg',
  'image/tiff',
  'image/jp2',
  'text/plain',
  'text/csv',
  'application/json',
  'application/fhir+json',
] as const;
export type AllowedType = (typeof ALLOWED_TYPES)[number];

/**
 * What was found of a content. `type`: media type by its bytes, null where they say none; `text/plain` for UTF-8 without markup,
 * `application/json` for such text that begins an object or a list, `empty` for no bytes at all.
 */
export type Detected = { readonly isMalware: boolean; readonly type: string | null };

const TEXTS: readonly AllowedType[] = ['text/plain', 'text/csv'];
const JSONS: readonly AllowedType[] = ['application/json', 'application/fhir+json'];

/** A declared media type without parameters and case; null where it is not kept. */
export const toAllowedType = (declared: string): AllowedType | null => {
  const essence = declared.split(';')[0]?.trim().toLowerCase();
  return ALLOWED_TYPES.find((type) => type === essence) ?? null;
};

const fits = (declared: AllowedType, found: string): boolean => {
  if (found === 'empty') return TEXTS.includes(declared);
  if (found === 'application/json') return JSONS.includes(declared) || TEXTS.includes(declared);
  if (found === 'text/plain') return TEXTS.includes(declared);
  return found === declared;
};

/** Why a content that was declared to be of `declared` is not kept; null where it is. */
export const judgeContent = (declared: AllowedType, { isMalware, type }: Detected): ContentRefusedReason | null => {
  if (isMalware) return 'MALWARE_SIGNATURE';
  if (type === null) return 'TYPE_MISMATCH';
  if (fits(declared, type)) return null;
  return type === 'empty' || ALLOWED_TYPES.some((each) => each === type) ? 'TYPE_MISMATCH' : 'TYPE_NOT_ALLOWED';
};

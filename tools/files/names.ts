import path from 'node:path';

const MAX_BYTES = 200;
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i;
/**
 * A server's name of a file as the last part of a path on this machine: whatever the server says, it names a file in the folder that was
 * chosen, is not hidden, and opens no device.
 */
export const toLocalName = (name: string): string => {
  const flat = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .replace(/[/\\:*?"<>|\u2044\u2215\u29f5\u29f8\ufe68\uff0f\uff3c]/gu, '_')
    .replace(/^[.\s]+|[.\s]+$/gu, '');
  const { name: stem, ext } = path.parse(flat);
  let kept = stem;
  while (Buffer.byteLength(kept + ext) > MAX_BYTES && kept !== '') kept = [...kept].slice(0, -1).join('');
  const whole = kept === '' ? '' : kept + (Buffer.byteLength(kept + ext) > MAX_BYTES ? '' : ext);
  return whole === '' ? 'file' : DEVICE.test(whole) ? `_${whole}` : whole;
};

/** Text of the server as a terminal may show it: no control and no direction characters. */
export const toShown = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
/** Bytes for a person: `512 B`, `1.5 MiB`. */
export const toSize = (bytes: number): string => {
  const step = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[step]}`;
};

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import Assembler from 'stream-json/assembler.js';
import parser, { type Token } from 'stream-json/parser.js';
import { BadInputError } from '#platform/pure/faults.ts';
import { type CoverageDraft, containedCoverages, readCoverage } from '../domain/fhir-coverage.ts';
import { isObject, type Json, referencesTo } from '../domain/fhir-elements.ts';
import { type PatientDraft, readPatient } from '../domain/fhir-patient.ts';
import { type OrganizationDraft, type PractitionerDraft, readOrganization, readPractitioner } from '../domain/fhir-provider.ts';

/** Something in a file that could not be taken in: where, and why. The value itself is not repeated. */
export type Fault = { readonly path: string; readonly message: string };

/** What a bundle holds of what we keep. `notHandled` counts the resources of other types. */
export type BundleContent = {
  readonly sha256: string;
  readonly patients: readonly PatientDraft[];
  readonly practitioners: readonly PractitionerDraft[];
  readonly organizations: readonly OrganizationDraft[];
  readonly coverages: readonly CoverageDraft[];
  /** How the bundle refers to patients that could not be taken in. */
  readonly refused: ReadonlySet<string>;
  readonly notHandled: Readonly<Record<string, number>>;
  readonly faults: readonly Fault[];
};

/** A file that is no whole bundle: nothing of it is taken in. */
export class UnreadableBundleError extends Error {
  override readonly name = 'UnreadableBundleError';
}

const BUNDLE_TYPES = ['transaction', 'batch', 'collection'];
const MAX_DEPTH = 100;
/** A resource with more text than this is refused, so that one of them cannot fill the memory. */
const MAX_RESOURCE_LENGTH = 16 * 1024 * 1024;
const MAX_TYPE_NAME = 64;

/** The text of a file, unzipped where it begins as gzip does; every byte read is told to `onBytes`. */
const readText = async function* (source: Readable, onBytes: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      onBytes(chunk as Buffer);
      yield chunk as Buffer;
    }
  };
  const chunks = counted();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield head;
    yield* chunks;
  };
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole();
    return;
  }
  const gunzip = createGunzip();
  const feeding = (async () => {
    try {
      for await (const chunk of whole()) {
        if (!gunzip.write(chunk)) await new Promise<void>((resolve) => gunzip.once('drain', resolve).once('close', resolve));
        if (gunzip.destroyed) return;
      }
      gunzip.end();
    } catch (error) {
      gunzip.destroy(error as Error);
    }
  })();
  yield* gunzip as AsyncIterable<Buffer>;
  await feeding;
};

/** Counts brackets over the tokens of a bundle and gives each member of its `entry` whole, one at a time. */
const makeEntryReader = (onEntry: (index: number, entry: unknown) => void, onTooLong: (index: number) => void) => {
  const root: Record<string, string> = Object.create(null);
  let depth = 0;
  let key = '';
  let inEntries = false;
  let index = -1;
  let assembler: Assembler | null = null;
  let length = 0;
  let isObjectAtRoot = false;
  let closed = false;
  const opens = (name: string): boolean => name === 'startObject' || name === 'startArray';
  const closes = (name: string): boolean => name === 'endObject' || name === 'endArray';
  const consume = (token: Token): void => {
    const { name } = token;
    if (closes(name)) depth--;
    const isMember = inEntries && depth === 2 && name !== 'endObject' && name !== 'endArray';
    if (isMember) {
      index++;
      assembler = new Assembler();
      length = 0;
    }
    if (assembler) {
      if ('value' in token && typeof token.value === 'string') length += token.value.length;
      if (length > MAX_RESOURCE_LENGTH) {
        onTooLong(index);
        assembler = null;
      } else assembler.consume(token);
    }
    if (assembler && depth === 2 && (closes(name) || (isMember && !opens(name)))) {
      onEntry(index, assembler.current);
      assembler = null;
    }
    if (depth === 1) {
      if (name === 'keyValue') key = token.value;
      else if (name === 'stringValue') root[key] = token.value.slice(0, MAX_TYPE_NAME);
      else if (name === 'startArray' && key === 'entry') inEntries = true;
      else if (name === 'endArray') inEntries = false;
    }
    if (depth === 0) {
      if (name === 'startObject') isObjectAtRoot = true;
      else closed = closes(name);
    }
    if (opens(name) && ++depth > MAX_DEPTH) throw new UnreadableBundleError('is nested too deeply');
  };
  return { consume, root, isWhole: () => isObjectAtRoot && closed };
};

/**
 * Reads a FHIR R4 bundle (`transaction`, `batch`, `collection`; plain or gzip) as a stream: of its resources only what is kept stays in
 * memory. A resource that cannot be kept becomes a fault and the others are read on; a file that is no whole bundle throws
 * `UnreadableBundleError`. `today` is `YYYY-MM-DD`; `onBytes` hears how far the reading has come.
 */
export const readBundle = async (source: Readable, today: string, onBytes: (count: number) => void = () => {}): Promise<BundleContent> => {
  const hash = createHash('sha256');
  const patients: PatientDraft[] = [];
  const practitioners: PractitionerDraft[] = [];
  const organizations: OrganizationDraft[] = [];
  const coverages: CoverageDraft[] = [];
  const notHandled: Record<string, number> = Object.create(null);
  const refused = new Set<string>();
  const faults: Fault[] = [];

  /** False where the resource became a fault. */
  const attempt = (read: () => void): boolean => {
    try {
      read();
      return true;
    } catch (error) {
      if (!(error instanceof BadInputError)) throw error;
      faults.push({ path: error.field, message: error.message.slice(error.field.length + 2) });
      return false;
    }
  };
  const takeCoverages = (path: string, resource: Json): void => {
    for (const { at, value } of containedCoverages(path, resource)) attempt(() => coverages.push(readCoverage(at, value)));
  };
  const onEntry = (index: number, entry: unknown): void => {
    const at = `entry[${index}]`;
    const resource = isObject(entry) ? entry['resource'] : undefined;
    if (!isObject(entry) || !isObject(resource)) {
      faults.push({ path: isObject(entry) ? `${at}.resource` : at, message: 'is no resource' });
      return;
    }
    const path = `${at}.resource`;
    const type = resource['resourceType'];
    const fullUrl = typeof entry['fullUrl'] === 'string' ? entry['fullUrl'] : null;
    if (type === 'Patient') {
      const isRead = attempt(() => patients.push(readPatient(path, resource, fullUrl, today)));
      const { id } = resource;
      if (!isRead) for (const reference of referencesTo('Patient', fullUrl, typeof id === 'string' ? id : null)) refused.add(reference);
    } else if (type === 'Practitioner') attempt(() => practitioners.push(readPractitioner(path, resource, fullUrl)));
    else if (type === 'Organization') attempt(() => organizations.push(readOrganization(path, resource, fullUrl)));
    else if (type === 'Coverage') attempt(() => coverages.push(readCoverage(path, resource)));
    else if (typeof type !== 'string' || !/^[A-Za-z]{1,64}$/.test(type))
      faults.push({ path: `${path}.resourceType`, message: 'is missing' });
    else notHandled[type] = (notHandled[type] ?? 0) + 1;
    takeCoverages(path, resource);
  };
  const onTooLong = (index: number): void => {
    faults.push({ path: `entry[${index}]`, message: `is longer than ${MAX_RESOURCE_LENGTH / 1024 / 1024} MiB` });
  };

  const reader = makeEntryReader(onEntry, onTooLong);
  const tokens = parser.asStream({ packValues: true, streamValues: false });
  const feeding = (async () => {
    try {
      const text = readText(source, (chunk) => {
        hash.update(chunk);
        onBytes(chunk.length);
      });
      for await (const chunk of text) {
        if (tokens.destroyed) return;
        if (!tokens.write(chunk)) await new Promise<void>((resolve) => tokens.once('drain', resolve).once('close', resolve));
      }
      tokens.end();
    } catch (error) {
      tokens.destroy(error as Error);
    }
  })();
  try {
    // A bundle has more tokens than words: a listener hears each without a promise of its own.
    await new Promise<void>((resolve, reject) => {
      tokens.on('data', (token: Token) => {
        try {
          reader.consume(token);
        } catch (error) {
          tokens.destroy(error as Error);
        }
      });
      tokens.once('error', reject).once('close', resolve);
    });
    await feeding;
  } catch (error) {
    if (error instanceof UnreadableBundleError) throw error;
    const code = String((error as { code?: unknown }).code ?? '');
    if (code.startsWith('Z_')) throw new UnreadableBundleError('is no whole gzip file: it ends too early or is damaged');
    if (code.startsWith('E') && !code.startsWith('ERR_')) throw error;
    throw new UnreadableBundleError('is no whole JSON text: it ends too early or is damaged');
  } finally {
    source.destroy();
  }
  if (!reader.isWhole()) throw new UnreadableBundleError('is no whole JSON object');
  const { resourceType, type = '' } = reader.root;
  if (resourceType !== 'Bundle') throw new UnreadableBundleError('is no FHIR bundle: its resourceType is not Bundle');
  if (!BUNDLE_TYPES.includes(type))
    throw new UnreadableBundleError(`is a bundle of a type that is not imported; those are ${BUNDLE_TYPES.join(', ')}`);
  return { sha256: hash.digest('hex'), patients, practitioners, organizations, coverages, refused, notHandled, faults };
};

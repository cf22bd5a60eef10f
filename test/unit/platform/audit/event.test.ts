import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { isClearId } from '#platform/audit/clear-text.ts';
import {
  AUDIT_COLUMNS,
  AUDIT_PARAMETERS,
  type AuditEvent,
  auditParameters,
  commitTo,
  Outcome,
  toAuditValues,
} from '#platform/audit/event.ts';
import { openSealed } from '#platform/audit/sealed.ts';
import { toId } from '#platform/pure/id.ts';
import { fromRoot } from '#platform/subjects/puncturable-key.ts';
import { loginSubject, makeSubjectKeys, makeTagOf } from '#platform/subjects/subject-keys.ts';
import { openEntry } from '#test/support/subjects.ts';

/** An id in the form that the house gives, of this kind. */
const idOf = (city: string, kind: string, n = 1): string => toId(city, kind, Buffer.alloc(16, n));
const SLOT = idOf('MTL', 'slt');

const anEvent = (given: Partial<AuditEvent> = {}): AuditEvent => ({
  city: 'MTL',
  observer: 'scheduling',
  act: 'bookAppointment',
  action: 'C',
  outcome: Outcome.SUCCESS,
  purpose: 'PATRQT',
  actor: { role: 'PATIENT', city: 'QUE', accountId: 'QUE-acc-0123' },
  patientId: 'QUE-pat-4567',
  entities: [
    { kind: 'Slot', id: SLOT, sha256: 'ab'.repeat(32) },
    { kind: 'Patient', id: 'QUE-pat-4567' },
  ],
  requestId: 'r-1',
  values: { reason: 'Éloïse is ill' },
  ...given,
});
const tree = fromRoot(Buffer.alloc(32, 7));
const keys = makeSubjectKeys(makeTagOf('a'.repeat(43)), () => tree);
const freeze = (event: AuditEvent) => {
  const values = toAuditValues(event, keys);
  const text = (values[9] as Buffer).toString('utf8');
  const sealed = values[8] as Buffer;
  const { disclosure } = openEntry({ of: () => keys }, { city: event.city, event_id: values[1] as string, sealed });
  return { values, text, sealed, body: JSON.parse(text), disclosure };
};

describe('an audit entry', () => {
  it('has a value for every column, in order', () => {
    const { values } = freeze(anEvent());
    expect(values).toHaveLength(AUDIT_PARAMETERS);
    expect(AUDIT_COLUMNS.split(', ')).toHaveLength(AUDIT_PARAMETERS);
    expect(values.slice(3, 8)).toEqual(['bookAppointment', 'C', 0, keys.tagOf('QUE-acc-0123'), keys.tagOf('QUE-pat-4567')]);
  });

  it('numbers its parameters from where it is told', () => {
    expect(auditParameters(7)).toMatch(/^\$7::text, \$8::text, \$9::timestamptz, .*\$16::bytea$/);
  });

  it('is frozen as RFC 8785 asks: keys in order of code units, no white space', () => {
    const { text } = freeze(anEvent({ values: { b: '1', a: '2' } }));
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : value && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([key, each]) => [key, sorted(each)]),
            )
          : value;
    expect(text).toBe(JSON.stringify(sorted(JSON.parse(text))));
  });

  it.each<[string, Parameters<typeof anEvent>[0]]>([
    ['nothing but what it must', { entities: [], values: {}, patientId: null, actor: { role: 'ANONYMOUS', city: null, accountId: null } }],
    ['a reason, and having waited', { outcome: 8, reason: 'NOT_FOUND', spooled: true }],
    [
      'things with and without a hash, an id',
      {
        entities: ['Patient', 'Appointment', 'Slot'].flatMap((kind) => [
          { kind, id: SLOT, sha256: 'ab'.repeat(32) },
          { kind, id: null },
        ]),
      },
    ],
    ['values in another order', { values: { b: '2', B: '3', a: '4' } }],
    ['things that are named by no id', { entities: [{ kind: 'AuditExport', id: '{"count":2,"city":"SHE"}', sha256: 'ab'.repeat(32) }] }],
  ])('with %s is what canonicalize makes of it', (_what, event) => {
    const { text } = freeze(anEvent(event));
    expect(text).toBe(canonicalize(JSON.parse(text)));
  });

  it('holds no personal value, only commitments that its disclosure opens', () => {
    const { body, text, disclosure } = freeze(anEvent());
    for (const personal of ['QUE-acc-0123', 'QUE-pat-4567', 'ill']) expect(text).not.toContain(personal);
    const open = (name: string): string => {
      const { salt, value } = disclosure[name] ?? { salt: '', value: '' };
      return `cm:${commitTo(value, Buffer.from(salt, 'base64url'))}`;
    };
    expect(body.agent[0].who).toBe(open('actor'));
    expect(body.patient).toBe(open('patient'));
    expect(body.entities).toEqual([
      { kind: 'Slot', what: SLOT, sha256: 'ab'.repeat(32) },
      { kind: 'Patient', what: open('entity1') },
    ]);
    expect(body.values).toEqual({ reason: open('value:reason') });
    expect(Object.keys(disclosure).sort()).toEqual(['actor', 'entity1', 'patient', 'value:reason']);
  });

  it('shows no hash by which a guess at a record or a file, or at whose an appointment is, could be tried', () => {
    const sha256 = 'cd'.repeat(32);
    for (const kind of ['Patient', 'Account', 'Appointment', 'MedicalFile', 'File']) {
      const { text, body, disclosure } = freeze(anEvent({ entities: [{ kind, id: 'MTL-xyz-1', sha256 }] }));
      expect(text).not.toContain(sha256);
      const { salt, value } = disclosure['entity0:sha256'] ?? { salt: '', value: '' };
      expect([value, body.entities[0].sha256]).toEqual([sha256, `cm:${commitTo(value, Buffer.from(salt, 'base64url'))}`]);
    }
  });

  it('never commits twice with the same salt, so that equal values do not show as equal', () => {
    const all = Array.from({ length: 50 }, () => freeze(anEvent()));
    const salts = all.flatMap(({ disclosure }) => Object.values(disclosure).map(({ salt }) => salt));
    expect(new Set(salts).size).toBe(salts.length);
    expect(new Set(all.map(({ body }) => body.patient)).size).toBe(50);
    expect(salts.every((salt) => Buffer.from(salt, 'base64url').length === 16)).toBe(true);
  });

  it('commits to nothing where there is nothing', () => {
    const { body, disclosure, values } = freeze(
      anEvent({ actor: { role: 'ANONYMOUS', city: null, accountId: null }, patientId: null, entities: [], values: {} }),
    );
    expect(body.agent[0]).toEqual({ role: 'ANONYMOUS', city: null, who: null, requestor: true });
    expect(body.patient).toBeNull();
    expect(disclosure).toEqual({});
    expect(values.slice(6, 8)).toEqual([null, null]);
  });

  it('keeps every personal value out of its leaf, whatever it is', () => {
    const secret = fc.string({ minLength: 12, maxLength: 40, unit: 'grapheme' }).map((text) => `§${text}§`);
    fc.assert(
      fc.property(secret, secret, secret, (accountId, patientId, reason) => {
        const { body, disclosure, text } = freeze(
          anEvent({
            actor: { role: 'PATIENT', city: 'QUE', accountId },
            patientId,
            entities: [{ kind: 'Account', id: accountId }],
            values: { reason },
          }),
        );
        const texts = JSON.stringify(Object.values(disclosure).map(({ value }) => value));
        for (const value of [accountId, patientId, reason]) {
          expect(text).not.toContain(JSON.stringify(value).slice(1, -1));
          expect(texts).toContain(JSON.stringify(value).slice(1, -1));
        }
        expect(body.patient).toMatch(/^cm:[0-9a-f]{64}$/);
      }),
    );
  });

  const anyText = fc.oneof(
    fc.string({ maxLength: 60, unit: 'grapheme' }).map((text) => `§${text}§`),
    fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).map((text) => `SHE-prc-Dre Tremblay ${text}`),
    fc.string({ minLength: 3, maxLength: 60, unit: fc.constantFrom(...'abcXYZ0189 -_.:@/"\\\n') }).map((text) => `cm:${text} `),
  );
  const anyKind = fc.constantFrom(
    'Practitioner',
    'Slot',
    'Session',
    'MedicalFile',
    'AuditEvent',
    'Upload',
    'Download',
    'Range',
    'AuditLog',
    'AuditLogShard',
    'AuditLogAlarm',
    'AuditLogArchive',
    'AuditExport',
    'KeyEncryptionKey',
    'SubjectKey',
    'Import',
    'Patient',
    'Account',
    'Whatever',
    'constructor',
  );

  it('commits to whatever stands in the place of an id or a hash and is none, for every kind of thing', () => {
    fc.assert(
      fc.property(anyKind, anyText, anyText, (kind, id, sha256) => {
        const { body, text, disclosure, values } = freeze(anEvent({ entities: [{ kind, id, sha256 }] }));
        for (const typed of [id, sha256]) expect(text).not.toContain(JSON.stringify(typed).slice(1, -1));
        expect(body.entities).toEqual([
          { kind, sha256: expect.stringMatching(/^cm:[0-9a-f]{64}$/), what: expect.stringMatching(/^cm:[0-9a-f]{64}$/) },
        ]);
        expect([disclosure['entity0']?.value, disclosure['entity0:sha256']?.value]).toEqual([id, sha256]);
        const bytes = Buffer.concat(values.map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))));
        expect(bytes.includes(id)).toBe(false);
      }),
    );
  });

  it.each([
    ['Slot', SLOT],
    ['Practitioner', idOf('SHE', 'prc')],
    ['Session', idOf('SHE', 'ses')],
    ['AuditLog', 'SHE'],
    ['AuditLog', 'caregraph.example/audit/SHE/2'],
    ['AuditLogShard', 'caregraph.example/audit/SHE@12'],
    ['AuditLogShard', 'caregraph.example/audit/SHE/2+5c3bfd08+AYqI/w+='],
    ['AuditLogAlarm', 'SHE-alarm-12'],
    ['SubjectKey', 'ab'.repeat(16)],
    ['KeyEncryptionKey', 'aws-kms:arn:aws:kms:ca-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'],
    ['Range', 'bytes 0-9/10'],
    ['AuditExport', '{"count":2,"city":"SHE","action":"R","outcome":0,"from":"2026-03-01T00:00:00.000Z","to":"2026-04-01T00:00:00.000Z"}'],
  ])('shows everybody what the house itself names a %s: %s', (kind, id) => {
    const { body, disclosure } = freeze(anEvent({ entities: [{ kind, id }] }));
    expect(body.entities).toEqual([{ kind, what: id }]);
    expect(disclosure).not.toHaveProperty('entity0');
  });

  it.each([
    ['Practitioner', 'Dre Tremblay, 514 555 0199'],
    ['Practitioner', ''],
    ['Practitioner', `${idOf('SHE', 'prc')}\n`],
    ['Practitioner', idOf('SHE', 'prc').toUpperCase()],
    ['Slot', 'ab'.repeat(16)],
    ['SubjectKey', SLOT],
    ['Range', 'bytes 0-9/10 of Dre Tremblay'],
    ['AuditExport', '{"count":2,"act":"Tremblay_5145550199"}'],
    ['AuditLog', 'Dre Tremblay'],
    ['Patient', idOf('SHE', 'pat')],
    ['Account', idOf('SHE', 'acc')],
  ])('shows nobody as a %s: %j', (kind, id) => {
    const { body, disclosure } = freeze(anEvent({ entities: [{ kind, id }] }));
    expect([isClearId(kind, id, true), body.entities[0].what]).toEqual([false, expect.stringMatching(/^cm:[0-9a-f]{64}$/)]);
    expect(disclosure['entity0']?.value).toBe(id);
  });

  it('shows nobody an id that nothing was found under, as its letters are whoever’s who typed them', () => {
    const typed = toId('SHE', 'slt', Buffer.alloc(16, 3)).replace(/.{10}$/, '5145550199');
    for (const outcome of [Outcome.REFUSED, Outcome.DENIED, Outcome.FAILED]) {
      const { text, disclosure } = freeze(anEvent({ outcome, entities: [{ kind: 'Slot', id: typed }] }));
      expect(text).not.toContain('5145550199');
      expect(disclosure['entity0']?.value).toBe(typed);
      // A version that was met is told, and logs are named by nobody who asks.
      const met = freeze(
        anEvent({
          outcome,
          entities: [
            { kind: 'Slot', id: SLOT, sha256: 'ab'.repeat(32) },
            { kind: 'AuditLog', id: 'SHE' },
          ],
        }),
      );
      expect(met.body.entities.map(({ what }: { what: string }) => what)).toEqual([SLOT, 'SHE']);
    }
    expect(freeze(anEvent({ entities: [{ kind: 'Slot', id: SLOT }] })).body.entities[0].what).toBe(SLOT);
  });

  it.each<[string, (text: string) => Partial<AuditEvent>]>([
    ['the act', (act) => ({ act })],
    ['the reason', (reason) => ({ reason })],
    ['the purpose', (purpose) => ({ purpose })],
    ['the observer', (observer) => ({ observer })],
    ['the request id', (requestId) => ({ requestId })],
    ['the kind', (kind) => ({ entities: [{ kind, id: null }] })],
    ['the value', (name) => ({ values: { [name]: 'x' } })],
    ['the role', (role) => ({ actor: { role, city: 'MTL', accountId: null } })],
    ['the city', (city) => ({ actor: { role: 'PATIENT', city, accountId: null } })],
  ])('takes no text of a caller for %s, and does not repeat it', (what, given) => {
    fc.assert(
      fc.property(anyText, (typed) => {
        const freezing = (): unknown => freeze(anEvent(given(typed)));
        expect(freezing).toThrow(RangeError);
        expect(freezing).toThrow(new RegExp(`^${what} of an audit entry is (?:no name|none)$`));
      }),
      { numRuns: 30 },
    );
  });

  it('holds no clear value in any column', () => {
    const { values } = freeze(anEvent({ values: { username: 'QUEP4567' } }));
    const bytes = Buffer.concat(values.map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))));
    for (const personal of ['QUE-acc-0123', 'QUE-pat-4567', 'QUEP4567']) expect(bytes.includes(personal)).toBe(false);
  });

  it('seals each value under whom it belongs to, so that shredding one subject leaves the others', () => {
    const own = fromRoot(Buffer.alloc(32, 8));
    const city = makeSubjectKeys(makeTagOf('a'.repeat(43)), () => own);
    const event = anEvent({
      entities: [
        { kind: 'Patient', id: 'QUE-pat-4567', sha256: 'ab'.repeat(32) },
        { kind: 'MedicalFile', id: idOf('QUE', 'fil'), sha256: 'cd'.repeat(32) },
        { kind: 'Account', id: 'QUE-acc-9' },
        { kind: 'Patient', id: 'QUE-pat-8' },
      ],
      values: { username: 'QUEP4567', reason: 'ill' },
    });
    const values = toAuditValues(event, city);
    const open = () => [...openSealed(values[8] as Buffer, values[1] as string, city).keys()].sort();
    const all = ['actor', 'entity0', 'entity0:sha256', 'entity1:sha256', 'entity2', 'entity3', 'patient', 'value:reason', 'value:username'];
    expect(open()).toEqual(all);
    const shred = (id: string): void => {
      own.puncture(city.tagOf(id));
      city.forget();
    };
    shred('QUE-pat-4567');
    expect(open()).toEqual(['actor', 'entity2', 'entity3', 'value:username']);
    shred('QUE-acc-9');
    expect(open()).toEqual(['actor', 'entity3']);
    const after = toAuditValues(event, city);
    expect([after[6], after[7]]).toEqual([city.tagOf('QUE-acc-0123'), null]);
    expect([...openSealed(after[8] as Buffer, after[1] as string, city).keys()].sort()).toEqual(['actor', 'entity3']);
    // It is committed to all the same, with a salt that nobody keeps.
    expect(JSON.parse(String(after[9])).patient).toMatch(/^cm:[0-9a-f]{64}$/);
  });

  it('seals a login name that no account of the entry has under the name, however it was written', () => {
    const own = fromRoot(Buffer.alloc(32, 9));
    const city = makeSubjectKeys(makeTagOf('a'.repeat(43)), () => own);
    const nobody = {
      actor: { role: 'ANONYMOUS', city: null, accountId: null },
      patientId: null,
      entities: [{ kind: 'Account', id: null }],
    };
    const rows = ['QUEP4567', ' quep4567'].map((username) => toAuditValues(anEvent({ ...nobody, values: { username } }), city));
    const open = () => rows.map((row) => openSealed(row[8] as Buffer, row[1] as string, city).get('value:username')?.value);
    expect(open()).toEqual(['QUEP4567', ' quep4567']);
    own.puncture(city.tagOf(loginSubject('QUEP4567')));
    city.forget();
    expect(open()).toEqual([undefined, undefined]);
  });

  it('opens nothing of bytes that were changed, cut or moved to another entry, and never throws', () => {
    const { values, sealed } = freeze(anEvent());
    const eventId = values[1] as string;
    const whole = openSealed(sealed, eventId, keys);
    expect(whole.size).toBe(4);
    expect(openSealed(sealed, `${eventId}x`, keys).size).toBe(0);
    for (let at = 0; at < sealed.length; at++) {
      const bent = Buffer.from(sealed);
      bent[at] = (bent[at] ?? 0) ^ 1;
      for (const [name, { value }] of openSealed(bent, eventId, keys)) expect(whole.get(name)?.value).toBe(value);
      expect(openSealed(bent, eventId, keys).size).toBeLessThan(4);
      expect(openSealed(sealed.subarray(0, at), eventId, keys).size).toBeLessThan(4);
    }
  });

  it('is recorded at the instant its column says', () => {
    const { values, body } = freeze(anEvent());
    expect(body.recorded).toBe((values[2] as Date).toISOString());
    expect(body.id).toBe(values[1]);
  });
});

describe('a commitment', () => {
  it('is the SHA-256 of salt and value: the two-block message of FIPS 180-2, appendix B.2, cut behind 16 bytes', () => {
    const message = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq';
    expect(commitTo(message.slice(16), Buffer.from(message.slice(0, 16)))).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  it('takes no salt of another length', () => {
    expect(() => commitTo('value', Buffer.alloc(15))).toThrow('16 bytes');
  });
});

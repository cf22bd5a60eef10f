import { startTestApp, type TestApp } from '#test/support/app.ts';
import { TRANSPORT_NAMES, TRANSPORTS } from '#test/support/transports.ts';

let app: TestApp;
let token: string;
beforeAll(async () => {
  app = await startTestApp();
  token = await app.tokenOf('MTLP0001', 600);
}, 60_000);
afterAll(() => app?.stop());

const ADD = 'mutation ($i: AddSlotInput!) { addSlot(input: $i) { __typename } }';
const UPLOAD = 'mutation ($i: UploadFileInput!) { uploadFile(input: $i) { __typename } }';
const slot = { city: 'MTL', appointmentType: 'checkup', capacity: 1, practitionerId: 'MTL-pra-1' };
const file = { patientId: 'MTL-pat-1', name: 'a.txt', contentType: 'text/plain' };

describe.each(TRANSPORT_NAMES)('input that cannot be meant, over %s', (transport) => {
  it.each<[query: string, variables: Record<string, unknown>, field: string]>([
    ['mutation { login(username: "x", password: caregraphdemo) { __typename } }', {}, 'password'],
    ['mutation ($p: String!) { login(username: "x", password: $p) { __typename } }', { p: 19840229 }, 'password'],
    [ADD, { i: { ...slot, capacity: 'caregraphdemo' } }, 'input.capacity'],
    [ADD, { i: { ...slot, start: '2027-01-01' } }, 'input.start'],
    [
      `mutation { addSlot(input: {city: "MTL", appointmentType: "a", practitionerId: "b", capacity: caregraphdemo}) { __typename } }`,
      {},
      'input.capacity',
    ],
    [UPLOAD, { i: { ...file, content: '%%' } }, 'input.content'],
    ['mutation { uploadFile(input: {patientId: "a", name: "b", contentType: "c", content: "%%"}) { __typename } }', {}, 'input.content'],
    [
      'mutation { requestUpload(input: {patientId: "a", name: "b", contentType: "c", sha256: "d", sizeBytes: -1}) { __typename } }',
      {},
      'input.sizeBytes',
    ],
    ['{ consistencyProof(city: "MTL", fromSize: -1) { __typename } }', {}, 'fromSize'],
    ['query ($n: EntryCount!) { consistencyProof(city: "MTL", fromSize: $n) { __typename } }', { n: -1 }, 'fromSize'],
    ['{ slots(filter: {from: "2027-01-01"}) { nodes { id } } }', {}, 'filter.from'],
    ['{ slots(filter: {}, first: 101) { nodes { id } } }', {}, 'first'],
    ['query ($n: Int) { slots(filter: {}, first: $n) { nodes { id } } }', { n: 101 }, 'first'],
    ['query ($f: SlotFilter!) { slots(filter: $f) { nodes { id } } }', { f: { cities: [] } }, 'filter.cities'],
  ])('names the field and repeats no value: %s', async (query, variables, field) => {
    const { errors } = await TRANSPORTS[transport](app.graph, { query, variables }, token);
    expect(errors.map(({ extensions }) => extensions['field'])).toEqual([field]);
    expect(errors[0]?.message).toMatch(new RegExp(`^${field.replaceAll('.', '\\.')}: `));
    expect(['BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED']).toContain(errors[0]?.extensions['code']);
    expect(JSON.stringify(errors)).not.toMatch(/caregraphdemo|19840229|%%|2027-01-01/);
  });
});

it('says what a subgraph refuses in the language of the request', async () => {
  const query = '{ slots(filter: {cities: []}) { nodes { id } } }';
  const told = async (language: string) =>
    (await app.graph.ask(query, {}, { token, headers: { 'accept-language': language } })).errors.map(({ message }) => message);
  expect(await told('en')).toEqual(['filter.cities: is empty; leave it out for all cities']);
  expect(await told('fr')).toEqual(['filter.cities: est vide ; omettez-le pour toutes les villes']);
});

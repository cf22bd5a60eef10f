type Resource = Readonly<Record<string, unknown>>;

/** A sound FHIR patient; a test says what differs. */
export const aPatientResource = (part: Resource & { readonly id: string }): Resource => ({
  resourceType: 'Patient',
  identifier: [{ system: 'urn:x:test', value: part.id }],
  name: [{ use: 'official', family: 'Tremblay', given: ['Éloïse'] }],
  gender: 'female',
  birthDate: '1984-02-29',
  ...part,
});

/** A transaction bundle of resources, as JSON. */
export const aBundle = (resources: readonly Resource[]): string =>
  JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: resources.map((resource) => ({ resource })) });

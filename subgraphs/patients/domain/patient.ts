/** Administrative gender, https://hl7.org/fhir/R4/valueset-administrative-gender.html, in the spelling of the graph. */
export type Gender = 'MALE' | 'FEMALE' | 'OTHER' | 'UNKNOWN';
export type ContactSystem = 'PHONE' | 'EMAIL' | 'OTHER';

/** Name of a person. `text` is given names and family name as one writes them. */
export type PersonName = { readonly text: string; readonly family: string | null; readonly given: readonly string[] };
export type Contact = { readonly system: ContactSystem; readonly value: string; readonly use: string | null };
export type Address = {
  readonly lines: readonly string[];
  readonly city: string | null;
  readonly state: string | null;
  readonly postalCode: string | null;
  readonly country: string | null;
};
export type Identifier = { readonly system: string; readonly value: string; readonly type: string | null };
export type CoverageStatus = 'active' | 'cancelled' | 'draft' | 'entered-in-error';
export type NewCoverage = {
  readonly plan: string;
  readonly payor: string;
  readonly memberId: string | null;
  readonly status: CoverageStatus;
};
export type Coverage = NewCoverage & { readonly id: string };

/** What a patient's record holds, before it has an id. `birthDate` is `YYYY-MM-DD`. */
export type NewPatient = {
  readonly name: PersonName;
  readonly birthDate: string | null;
  readonly gender: Gender;
  readonly contacts: readonly Contact[];
  readonly addresses: readonly Address[];
  readonly identifiers: readonly Identifier[];
  readonly coverages: readonly NewCoverage[];
};

/** A patient's record. `city` is the home, `version` grows by one with every change. */
export type PatientRecord = Omit<NewPatient, 'coverages'> & {
  readonly id: string;
  readonly city: string;
  readonly coverages: readonly Coverage[];
  readonly version: number;
};

/** What a viewer may see of a patient: all of it, or the name alone (of a visiting patient). */
export type Sight = 'full' | 'name';
/** A patient as one viewer sees them; `asOf` where a replica gave the record: when it was true. */
export type SeenPatient = { readonly id: string; readonly record: PatientRecord; readonly sight: Sight; readonly asOf?: Date | null };

/** A practitioner. `specialties` are codes of appointment types. */
export type Practitioner = {
  readonly id: string;
  readonly city: string;
  readonly name: PersonName;
  readonly specialties: readonly string[];
};

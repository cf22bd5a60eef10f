-- Records of people: patients with identifiers and coverages, practitioners, organisations.

-- Text as names are compared: without accents, case, ligatures and marks, words parted by one space. `unaccent` is only STABLE because
-- its dictionary could be changed; ours is named here and is not.
CREATE FUNCTION patients.fold(value text) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN trim(regexp_replace(
    lower(public.unaccent('public.unaccent'::regdictionary, normalize(regexp_replace(normalize(value, NFD), '[\u0300-\u036f]', '', 'g'), NFC))),
    '[-\s''.,’‘‐‑–]+', ' ', 'g'));

-- LIKE pattern for a word of a folded name that begins with `word`; signs that LIKE reads are taken literally.
CREATE FUNCTION patients.word_pattern(word text) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN '% ' || replace(replace(replace(patients.fold(word), '\', '\\'), '%', '\%'), '_', '\_') || '%';

CREATE TABLE patients.patient (
  city text NOT NULL,
  id text NOT NULL,
  family text,
  given text[] NOT NULL,
  name_text text NOT NULL,
  birth_date date,
  gender text NOT NULL DEFAULT 'UNKNOWN',
  -- [{"system": "PHONE", "value": text, "use": text | null}]
  contacts jsonb NOT NULL DEFAULT '[]',
  -- [{"lines": [text], "city", "state", "postalCode", "country": text | null}]
  addresses jsonb NOT NULL DEFAULT '[]',
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  family_fold text COLLATE "C" NOT NULL GENERATED ALWAYS AS (patients.fold(coalesce(family, name_text))) STORED,
  words text COLLATE "C" NOT NULL GENERATED ALWAYS AS (' ' || patients.fold(name_text)) STORED,
  CONSTRAINT patient_pk PRIMARY KEY (city, id),
  CONSTRAINT patient_gender CHECK (gender IN ('MALE', 'FEMALE', 'OTHER', 'UNKNOWN')),
  CONSTRAINT patient_version CHECK (version >= 1)
);
CREATE INDEX patient_by_name ON patients.patient (city, family_fold, id COLLATE "C");
CREATE INDEX patient_by_birth_date ON patients.patient (city, birth_date);
CREATE INDEX patient_words ON patients.patient USING gin (words public.gin_trgm_ops);

CREATE TABLE patients.identifier (
  city text NOT NULL,
  id text NOT NULL,
  patient_id text NOT NULL,
  position smallint NOT NULL,
  system text NOT NULL,
  value text NOT NULL,
  type text,
  CONSTRAINT identifier_pk PRIMARY KEY (city, id),
  CONSTRAINT identifier_once UNIQUE (city, system, value),
  CONSTRAINT identifier_of_patient FOREIGN KEY (city, patient_id) REFERENCES patients.patient (city, id) ON DELETE CASCADE
);
CREATE INDEX identifier_by_patient ON patients.identifier (city, patient_id, position);
CREATE INDEX identifier_by_value ON patients.identifier (city, value);

CREATE TABLE patients.coverage (
  city text NOT NULL,
  id text NOT NULL,
  patient_id text NOT NULL,
  position smallint NOT NULL,
  plan text NOT NULL,
  payor text NOT NULL,
  member_id text,
  status text NOT NULL DEFAULT 'active',
  CONSTRAINT coverage_pk PRIMARY KEY (city, id),
  CONSTRAINT coverage_status CHECK (status IN ('active', 'cancelled', 'draft', 'entered-in-error')),
  CONSTRAINT coverage_of_patient FOREIGN KEY (city, patient_id) REFERENCES patients.patient (city, id) ON DELETE CASCADE
);
CREATE INDEX coverage_by_patient ON patients.coverage (city, patient_id, position);

CREATE TABLE patients.practitioner (
  city text NOT NULL,
  id text NOT NULL,
  family text,
  given text[] NOT NULL,
  name_text text NOT NULL,
  -- Codes of appointment types.
  specialties text[] NOT NULL DEFAULT '{}',
  -- [{"system", "value": text, "type": text | null}]
  identifiers jsonb NOT NULL DEFAULT '[]',
  -- `system|value` of the identifier that an import knows the practitioner by.
  source_key text,
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  family_fold text COLLATE "C" NOT NULL GENERATED ALWAYS AS (patients.fold(coalesce(family, name_text))) STORED,
  words text COLLATE "C" NOT NULL GENERATED ALWAYS AS (' ' || patients.fold(name_text)) STORED,
  CONSTRAINT practitioner_pk PRIMARY KEY (city, id),
  CONSTRAINT practitioner_source_once UNIQUE (city, source_key)
);
CREATE INDEX practitioner_by_name ON patients.practitioner (city, family_fold, id COLLATE "C");
CREATE INDEX practitioner_words ON patients.practitioner USING gin (words public.gin_trgm_ops);

-- Hospitals and clinics that imported records refer to.
CREATE TABLE patients.organization (
  city text NOT NULL,
  id text NOT NULL,
  name text NOT NULL,
  contacts jsonb NOT NULL DEFAULT '[]',
  addresses jsonb NOT NULL DEFAULT '[]',
  identifiers jsonb NOT NULL DEFAULT '[]',
  source_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT organization_pk PRIMARY KEY (city, id),
  CONSTRAINT organization_source_once UNIQUE (city, source_key)
);

-- What a file of that content brought into this city when it was imported first, and when it was last seen.
CREATE TABLE patients.import_file (
  city text NOT NULL,
  sha256 text NOT NULL,
  patients integer NOT NULL,
  practitioners integer NOT NULL,
  organizations integer NOT NULL,
  coverages integer NOT NULL,
  imported_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT import_file_pk PRIMARY KEY (city, sha256)
);

GRANT USAGE ON SCHEMA patients TO patients;
GRANT SELECT, INSERT, UPDATE, DELETE ON patients.patient, patients.identifier, patients.coverage, patients.practitioner,
  patients.organization, patients.import_file TO patients;

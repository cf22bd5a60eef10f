-- Seats of the host city, ledger of the home city. No foreign key from appointment to slot: the statement that inserts the one takes
-- its values from the other, slots are never deleted, and the check would cost the hot path a second lock on the slot.
CREATE TABLE scheduling.slot (
  city text NOT NULL,
  id text NOT NULL,
  code text NOT NULL,
  appointment_type text NOT NULL,
  practitioner_id text,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  -- Day and ISO week of the start in the city's zone.
  local_date date NOT NULL,
  week text NOT NULL,
  capacity integer NOT NULL,
  booked integer NOT NULL DEFAULT 0,
  held integer NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'open',
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT slot_pk PRIMARY KEY (city, id),
  CONSTRAINT slot_status CHECK (status IN ('open', 'removed')),
  CONSTRAINT slot_interval CHECK (ends_at > starts_at),
  CONSTRAINT slot_capacity CHECK (capacity BETWEEN 1 AND 1000),
  CONSTRAINT slot_never_oversold CHECK (booked >= 0 AND held >= 0 AND booked + held <= capacity),
  CONSTRAINT slot_practitioner_free EXCLUDE USING gist (city WITH =, practitioner_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
    WHERE (practitioner_id IS NOT NULL AND status <> 'removed')
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX slot_once ON scheduling.slot (city, appointment_type, starts_at, practitioner_id) NULLS NOT DISTINCT
  WHERE status <> 'removed';
CREATE INDEX slot_by_start ON scheduling.slot (city, starts_at, id);
CREATE INDEX slot_by_code ON scheduling.slot (city, code);
CREATE INDEX slot_by_practitioner ON scheduling.slot (city, practitioner_id, starts_at, id) WHERE practitioner_id IS NOT NULL;

-- The host's word on a booking, which is the decision. A void row forbids its id for ever: the booking was refused (void_reason names the
-- refusal) or given up half-way ('Abandoned').
CREATE TABLE scheduling.appointment (
  city text NOT NULL,
  id text NOT NULL,
  slot_id text NOT NULL,
  patient_city text NOT NULL,
  patient_id text NOT NULL,
  status text NOT NULL,
  void_reason text,
  booked_at timestamptz NOT NULL DEFAULT now(),
  cancelled_at timestamptz,
  CONSTRAINT appointment_pk PRIMARY KEY (city, id),
  CONSTRAINT appointment_status CHECK (status IN ('booked', 'cancelled', 'void')),
  CONSTRAINT appointment_void CHECK ((status = 'void') = (void_reason IS NOT NULL)),
  CONSTRAINT appointment_cancelled CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX appointment_once ON scheduling.appointment (city, slot_id, patient_id) WHERE status = 'booked';

-- What a patient has anywhere, kept at home. `id` is the appointment's.
CREATE TABLE scheduling.ledger (
  city text NOT NULL,
  id text NOT NULL,
  patient_id text NOT NULL,
  host_city text NOT NULL,
  slot_id text NOT NULL,
  appointment_type text NOT NULL,
  practitioner_id text,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  during tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(starts_at, ends_at)) STORED,
  local_date date NOT NULL,
  week text NOT NULL,
  state text NOT NULL,
  booked_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ledger_pk PRIMARY KEY (city, id),
  CONSTRAINT ledger_state CHECK (state IN ('pending', 'confirmed', 'released', 'cancelled')),
  CONSTRAINT ledger_no_overlap EXCLUDE USING gist (city WITH =, patient_id WITH =, during WITH &&) WHERE (state IN ('pending', 'confirmed'))
) WITH (fillfactor = 80);
-- The same slot is the same type on the same day, so this also keeps a patient from taking one slot twice.
CREATE UNIQUE INDEX ledger_one_of_a_type_a_day ON scheduling.ledger (city, patient_id, appointment_type, local_date)
  WHERE state IN ('pending', 'confirmed');
CREATE INDEX ledger_schedule ON scheduling.ledger (city, patient_id, appointment_type, starts_at, id);
CREATE INDEX ledger_pending ON scheduling.ledger (city, created_at) WHERE state = 'pending';

-- Live appointments per patient and ISO week at cities other than the home.
CREATE TABLE scheduling.quota (
  city text NOT NULL,
  patient_id text NOT NULL,
  week text NOT NULL,
  used integer NOT NULL,
  CONSTRAINT quota_pk PRIMARY KEY (city, patient_id, week),
  CONSTRAINT quota_limit CHECK (used BETWEEN 0 AND 3)
) WITH (fillfactor = 70);

-- Answers to keys, one space per caller for all operations, kept 24 h.
CREATE TABLE scheduling.idempotency (
  city text NOT NULL,
  caller text NOT NULL,
  key text NOT NULL,
  operation text NOT NULL,
  input_hash text NOT NULL,
  appointment_id text,
  state text NOT NULL,
  answer jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_pk PRIMARY KEY (city, caller, key),
  CONSTRAINT idempotency_state CHECK (state IN ('pending', 'done')),
  CONSTRAINT idempotency_answer CHECK ((state = 'done') = (answer IS NOT NULL))
);
CREATE INDEX idempotency_pending ON scheduling.idempotency (city, appointment_id) WHERE state = 'pending';
CREATE INDEX idempotency_age ON scheduling.idempotency USING brin (created_at);

-- Cancellations whose home city has not been told yet; kept by the host.
CREATE TABLE scheduling.settlement (
  city text NOT NULL,
  appointment_id text NOT NULL,
  patient_city text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT settlement_pk PRIMARY KEY (city, appointment_id)
);

-- What is charged, per plan, by a practitioner, or for a type where the slot has no practitioner.
CREATE TABLE scheduling.fee (
  city text NOT NULL,
  id text NOT NULL,
  practitioner_id text,
  appointment_type text NOT NULL,
  plan text NOT NULL,
  amount_cents integer NOT NULL,
  plan_pays_cents integer NOT NULL,
  currency text NOT NULL,
  CONSTRAINT fee_pk PRIMARY KEY (city, id),
  CONSTRAINT fee_amounts CHECK (amount_cents >= 0 AND plan_pays_cents BETWEEN 0 AND amount_cents),
  CONSTRAINT fee_currency CHECK (currency ~ '^[A-Z]{3}$')
);
CREATE UNIQUE INDEX fee_once ON scheduling.fee (city, practitioner_id, appointment_type, plan) NULLS NOT DISTINCT;

GRANT USAGE ON SCHEMA scheduling, directory TO scheduling;
GRANT SELECT, INSERT, UPDATE, DELETE ON
  scheduling.slot, scheduling.appointment, scheduling.ledger, scheduling.quota, scheduling.idempotency, scheduling.settlement, scheduling.fee
  TO scheduling;

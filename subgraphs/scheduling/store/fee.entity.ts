import { EntitySchema } from 'typeorm';

/** What a practitioner takes for a type of appointment under a plan. Amounts in hundredths of the currency. */
export type FeeRow = {
  city: string;
  id: string;
  practitionerId: string | null;
  appointmentType: string;
  plan: string;
  amountCents: number;
  planPaysCents: number;
  currency: string;
};

export const FeeEntity = new EntitySchema<FeeRow>({
  name: 'Fee',
  tableName: 'fee',
  schema: 'scheduling',
  columns: {
    city: { type: 'text', primary: true },
    id: { type: 'text', primary: true },
    practitionerId: { type: 'text', name: 'practitioner_id', nullable: true },
    appointmentType: { type: 'text', name: 'appointment_type' },
    plan: { type: 'text' },
    amountCents: { type: 'integer', name: 'amount_cents' },
    planPaysCents: { type: 'integer', name: 'plan_pays_cents' },
    currency: { type: 'text' },
  },
});

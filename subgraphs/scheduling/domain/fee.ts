/** What a practitioner takes for a type of appointment under a plan. Amounts in hundredths of the currency (ISO 4217). */
export type Fee = {
  readonly appointmentType: string;
  readonly plan: string;
  readonly amountCents: number;
  readonly planPaysCents: number;
  readonly currency: string;
};

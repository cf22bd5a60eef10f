import type { Named, Reader, Statements } from '#platform/database/city-database.ts';

/** How somebody stands to a patient, at the patient's home city. `isThere`: the city keeps such a patient. */
export type Standing = { readonly isThere: boolean; readonly inCare: boolean; readonly granted: boolean };

/** Whether a practitioner cares for a patient, and has a grant; `$1` the city, `$3` the practitioner. */
export const relationColumns = (patientId: string): string =>
  `EXISTS (SELECT FROM directory.care c WHERE c.city = $1 AND c.patient_id = ${patientId} AND c.practitioner_id = $3 AND c.until > now()) AS in_care,
    EXISTS (SELECT FROM directory.access_grant g WHERE g.city = $1 AND g.patient_id = ${patientId} AND g.practitioner_id = $3
      AND g.until > now()) AS granted`;

/** Whether the city keeps such a patient; `$1` the city. */
export const patientIsThere = (patientId: string): string =>
  `EXISTS (SELECT FROM directory.patient p WHERE p.city = $1 AND p.id = ${patientId} AND p.active)`;

const STANDING: Named = {
  name: 'files_standing',
  text: `SELECT ${patientIsThere('$2')} AS is_there, ${relationColumns('$2')}`,
};
/** Reads how a practitioner (null: somebody who is none) stands to a patient. The same work whether the patient exists or not. */
export const readStanding = async (
  db: Pick<Reader, 'named'>,
  city: string,
  patientId: string,
  practitionerId: string | null,
): Promise<Standing> => {
  const [row] = await db.named<{ is_there: boolean; in_care: boolean; granted: boolean }>(STANDING, [city, patientId, practitionerId]);
  return { isThere: row?.is_there === true, inCare: row?.in_care === true, granted: row?.granted === true };
};

const APPOINTMENT: Named = {
  name: 'files_appointment_of_patient',
  text: 'SELECT EXISTS (SELECT FROM directory.appointment WHERE city = $1 AND id = $2 AND patient_id = $3) AS found',
};
/** Whether an appointment, in whatever city, is the patient's. Asked at the patient's home. */
export const isAppointmentOf = async (db: Statements, city: string, appointmentId: string, patientId: string): Promise<boolean> => {
  const [row] = await db.named<{ found: boolean }>(APPOINTMENT, [city, appointmentId, patientId]);
  return row?.found === true;
};

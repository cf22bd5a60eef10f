import type { Named, Reader } from '#platform/database/city-database.ts';

const PATIENT_EXISTS: Named = {
  name: 'scheduling_patient_exists',
  text: 'SELECT EXISTS (SELECT FROM directory.patient WHERE city = $1 AND id = $2 AND active) AS found',
};
/** Whether the city keeps such a patient. A replica answers when the primary does not. */
export const patientExists = async (db: Reader, patientId: string): Promise<boolean> => {
  const [row] = await db.named<{ found: boolean }>(PATIENT_EXISTS, [db.city.code, patientId]);
  return row?.found === true;
};

const RELATION: Named = {
  name: 'scheduling_relation',
  text: `SELECT
    EXISTS (SELECT FROM directory.care WHERE city = $1 AND patient_id = $2 AND practitioner_id = $3 AND until > now()) AS in_care,
    EXISTS (SELECT FROM directory.access_grant WHERE city = $1 AND patient_id = $2 AND practitioner_id = $3 AND until > now()) AS granted`,
};
/** How a practitioner stands to a patient, at the patient's home city. */
export const readRelation = async (
  db: Reader,
  patientId: string,
  practitionerId: string,
): Promise<{ readonly inCare: boolean; readonly granted: boolean }> => {
  const [row] = await db.named<{ in_care: boolean; granted: boolean }>(RELATION, [db.city.code, patientId, practitionerId]);
  return { inCare: row?.in_care === true, granted: row?.granted === true };
};

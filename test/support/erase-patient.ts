/** What `deletePatient` leaves for other subgraphs to see; `$1` is the patient's id. */
export const ERASE_PATIENT = `with gone as (delete from patients.patient where id = $1 returning city, id)
  insert into patients.erasure (city, patient_id) select city, id from gone`;

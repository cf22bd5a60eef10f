import { unreachable } from '#platform/pure/unreachable.ts';

/** Who asks, as the policy needs to know it. */
export type PolicyViewer = {
  readonly role: 'P' | 'D' | 'A' | 'U';
  readonly city: string;
  readonly patientId: string | null;
  readonly practitionerId: string | null;
};

/** How a viewer stands to a patient, read from the patient's home city before the question is asked. */
export type Relation = {
  /** The viewer is the practitioner of an appointment of the patient that ended, or will end, less than 30 days ago. */
  readonly inCare: boolean;
  /** A grant or break-glass of the viewer on the patient stands now. */
  readonly granted: boolean;
  /** The patient has a live or recent appointment in the viewer's city. */
  readonly visiting: boolean;
};
export const NO_RELATION: Relation = { inCare: false, granted: false, visiting: false };

type OfPatient = { readonly patientId: string; readonly patientCity: string; readonly relation: Relation };
/** A patient's part in an appointment, and the staff of it: the home's and the host's admins, and the slot's practitioner. */
type OfAppointment = {
  readonly patientId: string;
  readonly patientCity: string;
  readonly hostCity: string;
  readonly practitionerId: string | null;
};

/** What may be asked of the policy: an action and what it is about. */
export type Question =
  | { readonly action: 'patient:read-name' | 'patient:read' | 'patient:update'; readonly resource: OfPatient }
  | { readonly action: 'patient:delete' | 'access:grant'; readonly resource: OfPatient }
  | { readonly action: 'patient:create' | 'patient:search'; readonly resource: { readonly city: string } }
  | { readonly action: 'account:set-role'; readonly resource: { readonly city: string } }
  | { readonly action: 'slot:read' }
  | { readonly action: 'slot:add'; readonly resource: { readonly city: string } }
  | { readonly action: 'slot:read-appointments'; readonly resource: { readonly city: string; readonly practitionerId: string | null } }
  | { readonly action: 'appointment:book'; readonly resource: { readonly patientId: string; readonly patientCity: string } }
  | {
      readonly action: 'appointment:read' | 'appointment:cancel-as-staff' | 'appointment:cancel-as-patient';
      readonly resource: OfAppointment;
    }
  | { readonly action: 'schedule:read'; readonly resource: OfPatient }
  | { readonly action: 'file:read' | 'file:write'; readonly resource: OfPatient }
  | { readonly action: 'file:delete'; readonly resource: OfPatient & { readonly isUploader: boolean } }
  | { readonly action: 'file:operate'; readonly resource: { readonly city: string } }
  | { readonly action: 'audit:read' }
  | { readonly action: 'audit:read-trail'; readonly resource: { readonly patientId: string } }
  | { readonly action: 'graph:introspect' };

export type Decision = { readonly allow: true } | { readonly allow: false; readonly reason: 'unauthenticated' | 'forbidden' };

const ALLOW: Decision = { allow: true };
const FORBIDDEN: Decision = { allow: false, reason: 'forbidden' };
const UNAUTHENTICATED: Decision = { allow: false, reason: 'unauthenticated' };
const when = (condition: boolean): Decision => (condition ? ALLOW : FORBIDDEN);

const isSelf = (viewer: PolicyViewer, patientId: string): boolean => viewer.role === 'P' && viewer.patientId === patientId;
const isHomeAdmin = (viewer: PolicyViewer, city: string): boolean => viewer.role === 'A' && viewer.city === city;
const treats = (viewer: PolicyViewer, { patientCity, relation }: OfPatient): boolean =>
  viewer.role === 'D' && (viewer.city === patientCity || relation.inCare || relation.granted);
const isStaffOf = (viewer: PolicyViewer, { patientCity, hostCity, practitionerId }: OfAppointment): boolean =>
  isHomeAdmin(viewer, patientCity) || isHomeAdmin(viewer, hostCity) || isPractitioner(viewer, practitionerId);
const isPractitioner = (viewer: PolicyViewer, practitionerId: string | null): boolean =>
  viewer.role === 'D' && practitionerId !== null && viewer.practitionerId === practitionerId;

/**
 * The permission policy of the network, whole: may this viewer (null: nobody logged in) do this? Pure and total. Whoever shows a denial
 * of a thing must make it look like a thing that is not there.
 */
export const decide = (viewer: PolicyViewer | null, question: Question): Decision => {
  if (viewer === null) return UNAUTHENTICATED;
  switch (question.action) {
    case 'patient:read':
    case 'patient:update':
    case 'schedule:read':
    case 'file:read':
    case 'file:write':
      return when(
        isSelf(viewer, question.resource.patientId) ||
          isHomeAdmin(viewer, question.resource.patientCity) ||
          treats(viewer, question.resource),
      );
    case 'patient:read-name':
      return when(
        isSelf(viewer, question.resource.patientId) ||
          isHomeAdmin(viewer, question.resource.patientCity) ||
          treats(viewer, question.resource) ||
          (viewer.role === 'A' && question.resource.relation.visiting),
      );
    // What others put into a record is not the patient's to take out.
    case 'file:delete':
      return when(
        (isSelf(viewer, question.resource.patientId) && question.resource.isUploader) ||
          isHomeAdmin(viewer, question.resource.patientCity) ||
          treats(viewer, question.resource),
      );
    case 'patient:delete':
      return when(isHomeAdmin(viewer, question.resource.patientCity));
    case 'access:grant':
      return when(isSelf(viewer, question.resource.patientId) || isHomeAdmin(viewer, question.resource.patientCity));
    case 'patient:create':
    case 'patient:search':
      return when((viewer.role === 'A' || viewer.role === 'D') && viewer.city === question.resource.city);
    case 'account:set-role':
    case 'slot:add':
    case 'file:operate':
      return when(isHomeAdmin(viewer, question.resource.city));
    case 'slot:read':
      return ALLOW;
    case 'slot:read-appointments':
      return when(isHomeAdmin(viewer, question.resource.city) || isPractitioner(viewer, question.resource.practitionerId));
    case 'appointment:book':
      return when(isSelf(viewer, question.resource.patientId) || isHomeAdmin(viewer, question.resource.patientCity));
    case 'appointment:read':
      return when(isSelf(viewer, question.resource.patientId) || isStaffOf(viewer, question.resource));
    case 'appointment:cancel-as-staff':
      return when(isStaffOf(viewer, question.resource));
    case 'appointment:cancel-as-patient':
      return when(isSelf(viewer, question.resource.patientId));
    case 'audit:read':
      return when(viewer.role === 'U');
    case 'audit:read-trail':
      return when(isSelf(viewer, question.resource.patientId) || viewer.role === 'U');
    case 'graph:introspect':
      return when(viewer.role === 'A');
    default:
      return unreachable(question);
  }
};

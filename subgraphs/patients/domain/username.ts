export type RoleCode = 'P' | 'D' | 'A' | 'U';
const FORM = /^([A-Z]{3})([PDAU])([0-9]{4,9})$/;

/** A login name's parts; null when it is none. */
export const parseUsername = (text: string): { readonly city: string; readonly role: RoleCode; readonly number: number } | null => {
  const match = FORM.exec(text);
  if (!match) return null;
  return { city: match[1] ?? '', role: match[2] as RoleCode, number: Number(match[3]) };
};

/** City, letter of the role, at least four digits: `MTLP0001`. */
export const toUsername = (city: string, role: RoleCode, number: number): string => `${city}${role}${String(number).padStart(4, '0')}`;

/** The first number given to people who sign up or get a role; the ones before are the demo population's. */
export const FIRST_NUMBER = 101;

const ROLE_OF_NAME = { PATIENT: 'P', PRACTITIONER: 'D', ADMIN: 'A', AUDITOR: 'U' } as const;
export type RoleName = keyof typeof ROLE_OF_NAME;
export const roleCodeOf = (name: RoleName): RoleCode => ROLE_OF_NAME[name];

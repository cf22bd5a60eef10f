import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine } from '#platform/pure/text.ts';
import { isObject, type Json, objectsAt, readCode, readReference, textAt } from './fhir-elements.ts';
import type { CoverageStatus, NewCoverage } from './patient.ts';

/** A coverage read from a bundle, and whom it is for, as the bundle refers to them. */
export type CoverageDraft = { readonly path: string; readonly beneficiary: string; readonly coverage: NewCoverage };

const STATUSES: readonly CoverageStatus[] = ['active', 'cancelled', 'draft', 'entered-in-error'];

/** Reads https://hl7.org/fhir/R4/coverage.html. The plan is the type's code or text, in capitals. */
export const readCoverage = (path: string, resource: Json): CoverageDraft => {
  const beneficiary = readReference(`${path}.beneficiary`, resource['beneficiary']);
  if (beneficiary === null) throw new BadInputError(`${path}.beneficiary`, 'is missing');
  const status = textAt(`${path}.status`, resource['status']) ?? 'active';
  const known = STATUSES.find((each) => each === status);
  if (!known) throw new BadInputError(`${path}.status`, `is none of ${STATUSES.join(', ')}`);
  const payors = objectsAt(`${path}.payor`, resource['payor']);
  const payor =
    payors[0] && (textAt(`${payors[0].at}.display`, payors[0].value['display']) ?? readReference(payors[0].at, payors[0].value));
  const type = readCode(`${path}.type`, resource['type']) ?? payor;
  if (type === null || type === undefined) throw new BadInputError(`${path}.type`, 'is missing, and no payor tells the plan');
  const memberId = textAt(`${path}.subscriberId`, resource['subscriberId']);
  return {
    path,
    beneficiary,
    coverage: {
      plan: cleanLine(`${path}.type`, type, 100).toUpperCase().replaceAll(' ', '_'),
      payor: cleanLine(`${path}.payor`, payor ?? type, 200),
      memberId: memberId === null ? null : cleanLine(`${path}.subscriberId`, memberId, 100),
      status: known,
    },
  };
};

/** The coverages that a resource holds inside, such as an `ExplanationOfBenefit`; each with its path. */
export const containedCoverages = (path: string, resource: Json): { readonly at: string; readonly value: Json }[] =>
  (Array.isArray(resource['contained']) ? resource['contained'] : []).flatMap((value: unknown, i: number) =>
    isObject(value) && value['resourceType'] === 'Coverage' ? [{ at: `${path}.contained[${i}]`, value }] : [],
  );

/** Takes coverages that say the same (plan and payor) as one: the newest word in the file on its status holds. */
export const mergeCoverages = (coverages: readonly NewCoverage[]): NewCoverage[] => [
  ...new Map(coverages.map((coverage) => [`${coverage.plan}\n${coverage.payor}`, coverage])).values(),
];

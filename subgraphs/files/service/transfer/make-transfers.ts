import type { Transfer, TransferRequest } from '#platform/http/transfer.ts';
import { refuseTransfer } from '#platform/http/transfer.ts';
import type { Parts } from '../parts.ts';
import { NOT_HELD, turnAway } from './access.ts';
import { makeAddresses } from './address.ts';
import { makeHandOut } from './hand-out.ts';
import { makeReceive } from './receive.ts';
import { makeRequestUpload } from './request-upload.ts';
import { makeSeats } from './seats.ts';

/** Addresses of strangers that are recorded, at once and in each second after; more are refused just as well. */
const STRANGERS = 100;
const STRANGERS_EACH_SECOND = 10;

/** Lets so many through at once, and so many more with each second. */
const makeAllowance = () => {
  let left = STRANGERS;
  let at = performance.now();
  return (): boolean => {
    const now = performance.now();
    left = Math.min(STRANGERS, left + ((now - at) / 1_000) * STRANGERS_EACH_SECOND);
    at = now;
    if (left < 1) return false;
    left--;
    return true;
  };
};

/** Files that go by signed addresses beside the graph: what is asked in the graph, and the bytes themselves. */
export const makeTransfers = (parts: Parts) => {
  const addresses = makeAddresses(parts.addressKey);
  const seats = makeSeats();
  const receive = makeReceive(parts, seats);
  const handOut = makeHandOut(parts, addresses, seats);
  const isRecorded = makeAllowance();

  /** Refuses what is no address of ours, or is used with another method. Nothing is looked up for it. */
  const refuseStranger = async ({ caller, path }: TransferRequest) => {
    const claim = addresses.claimOf(path);
    const { status, code, message } = NOT_HELD;
    if (!claim || !parts.cities.find(claim.city) || !isRecorded()) return refuseTransfer(status, code, message, caller.requestId);
    const [act, kind] = path.startsWith('upload') ? ['upload', 'Upload'] : ['download', 'Download'];
    const entities = [{ kind, id: claim.id }];
    return turnAway(parts, caller, { act, action: act === 'upload' ? 'C' : 'R', city: claim.city, reason: 'ADDRESS', entities }, NOT_HELD);
  };

  const transfer: Transfer = async (request) => {
    const address = addresses.read(request.path);
    if (!address || !parts.cities.find(address.city)) return refuseStranger(request);
    if (address.kind === 'upload' && request.method === 'PUT') return receive.put(request, address);
    if (address.kind === 'upload' && request.method === 'HEAD') return receive.head(request, address);
    if (address.kind === 'download' && request.method === 'GET') return handOut.get(request, address);
    return refuseStranger(request);
  };
  return { transfer, offerDownload: handOut.offerDownload, ...makeRequestUpload(parts, addresses) };
};
export type Transfers = ReturnType<typeof makeTransfers>;

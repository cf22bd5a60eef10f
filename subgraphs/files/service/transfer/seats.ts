import { refuseTransfer, type TransferAnswer } from '#platform/http/transfer.ts';

/** Transfers that one account may have under way at once, in one process. */
const SEATS = 8;

/** Counts the transfers of each account. */
export const makeSeats = (max = SEATS) => {
  const taken = new Map<string, number>();
  const leave = (accountId: string): void => {
    const left = (taken.get(accountId) ?? 1) - 1;
    if (left > 0) taken.set(accountId, left);
    else taken.delete(accountId);
  };
  return {
    /** Runs `work` until its answer is given, its body included; one too many is told to come again. */
    within: async (accountId: string, requestId: string, work: () => Promise<TransferAnswer>): Promise<TransferAnswer> => {
      const count = taken.get(accountId) ?? 0;
      if (count >= max)
        return refuseTransfer(429, 'RATE_LIMITED', `At most ${max} transfers at once; end one first.`, requestId, { 'retry-after': '5' });
      taken.set(accountId, count + 1);
      let answer: TransferAnswer;
      try {
        answer = await work();
      } catch (error) {
        leave(accountId);
        throw error;
      }
      const { body } = answer;
      if (body === null || typeof body === 'string') {
        leave(accountId);
        return answer;
      }
      return { ...answer, body: until(body, () => leave(accountId)) };
    },
  };
};
export type Seats = ReturnType<typeof makeSeats>;

/** A body that says when it has ended, however it does; also where it was never begun. */
const until = (body: AsyncIterable<Uint8Array>, onEnd: () => void): AsyncIterable<Uint8Array> => {
  const pieces = body[Symbol.asyncIterator]();
  let hasEnded = false;
  const end = (): void => {
    if (!hasEnded) onEnd();
    hasEnded = true;
  };
  const iterator: AsyncIterator<Uint8Array> = {
    next: async () => {
      try {
        const step = await pieces.next();
        if (step.done === true) end();
        return step;
      } catch (error) {
        end();
        throw error;
      }
    },
    return: async () => {
      try {
        await pieces.return?.();
      } finally {
        end();
      }
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
};

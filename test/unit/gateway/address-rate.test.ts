import { describe, expect, it } from '@jest/globals';
import { makeAddressRate } from '#gateway/address-rate.ts';

describe('the rate of an address', () => {
  it('is so many at once, and then so many a second', () => {
    let at = 0;
    const may = makeAddressRate({ burst: 5, perSecond: 2 }, () => at);
    const ask = (count: number, address = 'a'): number => Array.from({ length: count }, () => may(address)).filter(Boolean).length;
    expect(ask(8)).toBe(5);
    expect(ask(3, 'b')).toBe(3);
    at = 1_000;
    expect(ask(8)).toBe(2);
    at = 1_400;
    expect(ask(1)).toBe(0);
    at = 1_500;
    expect(ask(2)).toBe(1);
    at = 3_600_000;
    expect(ask(100)).toBe(5);
  });
  it('does not remember more addresses than it may', () => {
    const may = makeAddressRate({ burst: 1, perSecond: 0 }, () => 0);
    for (let i = 0; i < 30_000; i++) expect(may(`10.${i}`)).toBe(true);
    expect(may('10.29999')).toBe(false);
    expect(may('10.0')).toBe(true);
  });
});

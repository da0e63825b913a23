/**
 * The 802.11 channel number of a centre frequency in MHz, 0 where it is none (IEEE 802.11-2020, 15.4.4.3, 17.3.8.4 and
 * annex E; 802.11ax-2021, 27.3.23.2 for 6 GHz).
 */
export function channelOfFrequency(mhz: number): number {
  if (mhz === 2484) {
    return 14;
  }
  if (mhz === 5935) {
    return 2; // The one channel of 6 GHz that lies off its raster.
  }
  let base = 0;
  if (mhz >= 2412 && mhz <= 2472) {
    base = 2407;
  } else if (mhz >= 4910 && mhz <= 4980) {
    base = 4000;
  } else if (mhz >= 5005 && mhz <= 5925) {
    base = 5000;
  } else if (mhz >= 5955 && mhz <= 7115) {
    base = 5950;
  }
  return base > 0 && (mhz - base) % 5 === 0 ? (mhz - base) / 5 : 0;
}

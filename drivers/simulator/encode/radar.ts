/** A target of an HLK-LD2450 radar. */
export interface RadarTarget {
  /** Millimetres to the side of the radar and in front of it. */
  x: number;
  y: number;
  /** Centimetres per second, whole. */
  speed: number;
}

/** Length of a distance gate, millimetres. */
const RESOLUTION_MM = 360;

/** One frame: three slots, null where one is empty. */
export function encodeRadarFrame(slots: readonly (RadarTarget | null)[]): Uint8Array {
  const frame = Buffer.alloc(30);
  frame.writeUInt32BE(0xaaff0300, 0);
  slots.slice(0, 3).forEach((target, slot) => {
    if (target === null) return;
    const at = 4 + slot * 8;
    frame.writeUInt16LE(signed(target.x), at);
    frame.writeUInt16LE(signed(target.y), at + 2);
    frame.writeUInt16LE(signed(target.speed), at + 4);
    frame.writeUInt16LE(RESOLUTION_MM, at + 6);
  });
  frame.writeUInt16BE(0x55cc, 28);
  return frame;
}

/** Sign and magnitude, the sign bit set for plus. */
function signed(value: number): number {
  const magnitude = Math.min(Math.abs(Math.round(value)), 0x7fff);
  return value < 0 ? magnitude : magnitude + 0x8000;
}

"""A tiny H.264 baseline encoder: key frames of raw macroblocks (I_PCM), and repeated frames.

Section numbers are those of ITU-T H.264. Raw macroblocks need no transform and no entropy tables,
which makes an honest, decodable stream possible in a page of code.
"""

from simulator.content import seeded_bytes

WIDTH, HEIGHT = 64, 48
_COLUMNS, _ROWS = WIDTH // 16, HEIGHT // 16
_FRAME_NUMBER_BITS = 4


class BitWriter:
    """Collects bits, most significant first."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._bits = ""

    def fixed(self, value: int, width: int) -> None:
        self._bits += format(value, f"0{width}b")
        self._flush()

    def unsigned(self, value: int) -> None:
        """Write ue(v), the Exp-Golomb code of section 9.1."""
        code = format(value + 1, "b")
        self._bits += "0" * (len(code) - 1) + code
        self._flush()

    def raw(self, octets: bytes) -> None:
        """Align with zero bits, then append whole bytes (pcm_alignment_zero_bit of 7.3.5)."""
        self._bits += "0" * (-len(self._bits) % 8)
        self._flush()
        self._octets += octets

    def finish(self) -> bytes:
        """Append rbsp_trailing_bits (7.3.2.11) and return the bytes."""
        self._bits += "1"
        self.raw(b"")
        return bytes(self._octets)

    def _flush(self) -> None:
        whole = len(self._bits) // 8 * 8
        for position in range(0, whole, 8):
            self._octets.append(int(self._bits[position : position + 8], 2))
        self._bits = self._bits[whole:]


def sequence_parameter_set() -> bytes:
    bits = BitWriter()
    bits.fixed(66, 8)  # profile_idc: baseline
    bits.fixed(0b11000000, 8)  # constraint_set0 and 1: decodable as baseline and as main
    bits.fixed(10, 8)  # level 1.0
    bits.unsigned(0)  # seq_parameter_set_id
    bits.unsigned(_FRAME_NUMBER_BITS - 4)
    bits.unsigned(2)  # pic_order_cnt_type: output order is decoding order
    bits.unsigned(1)  # max_num_ref_frames
    bits.fixed(0, 1)  # gaps_in_frame_num_value_allowed_flag
    bits.unsigned(_COLUMNS - 1)
    bits.unsigned(_ROWS - 1)
    bits.fixed(0b1100, 4)  # frame_mbs_only, direct_8x8_inference, no cropping, no VUI
    return _nal(3, 7, bits.finish())


def picture_parameter_set() -> bytes:
    bits = BitWriter()
    bits.unsigned(0)  # pic_parameter_set_id
    bits.unsigned(0)  # seq_parameter_set_id
    bits.fixed(0b00, 2)  # CAVLC, no bottom field order
    bits.unsigned(0)  # num_slice_groups_minus1
    bits.unsigned(0)  # num_ref_idx_l0_default_active_minus1
    bits.unsigned(0)  # num_ref_idx_l1_default_active_minus1
    bits.fixed(0b000, 3)  # no weighted prediction
    for _ in range(3):
        bits.unsigned(0)  # pic_init_qp, pic_init_qs, chroma_qp_index_offset, all se(0)
    bits.fixed(0b000, 3)  # no deblocking control, constrained intra or redundant pictures
    return _nal(3, 8, bits.finish())


def key_frame(seed: str, picture_id: int) -> bytes:
    """Return an IDR picture whose sixteen-pixel squares have colours made from the seed."""
    bits = BitWriter()
    bits.unsigned(0)  # first_mb_in_slice
    bits.unsigned(7)  # slice_type: I, and so is every slice of the picture
    bits.unsigned(0)  # pic_parameter_set_id
    bits.fixed(0, _FRAME_NUMBER_BITS)
    bits.unsigned(picture_id % 2)  # idr_pic_id differs between neighbouring IDR pictures
    bits.fixed(0b00, 2)  # dec_ref_pic_marking
    bits.unsigned(0)  # slice_qp_delta
    colours = seeded_bytes(f"{seed}/{picture_id}", 3 * _COLUMNS * _ROWS)
    for index in range(0, len(colours), 3):
        luma, blue, red = (16 + colour % 220 for colour in colours[index : index + 3])
        bits.unsigned(25)  # mb_type: I_PCM
        bits.raw(bytes([luma]) * 256 + bytes([blue]) * 64 + bytes([red]) * 64)
    return _nal(3, 5, bits.finish())


def repeated_frame(frame_number: int) -> bytes:
    """Return a P picture that skips every macroblock: the picture before, once more."""
    bits = BitWriter()
    bits.unsigned(0)  # first_mb_in_slice
    bits.unsigned(5)  # slice_type: P, and so is every slice of the picture
    bits.unsigned(0)  # pic_parameter_set_id
    bits.fixed(frame_number % 2**_FRAME_NUMBER_BITS, _FRAME_NUMBER_BITS)
    bits.fixed(0b000, 3)  # no overrides, no list modification, sliding window
    bits.unsigned(0)  # slice_qp_delta
    bits.unsigned(_COLUMNS * _ROWS)  # mb_skip_run
    return _nal(2, 1, bits.finish())


def _nal(reference: int, kind: int, payload: bytes) -> bytes:
    """Return a NAL unit with emulation prevention bytes (7.4.1)."""
    octets = bytearray([reference << 5 | kind])
    zeros = 0
    for octet in payload:
        if zeros == 2 and octet <= 3:
            octets.append(3)
            zeros = 0
        octets.append(octet)
        zeros = zeros + 1 if octet == 0 else 0
    return bytes(octets)

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dwarf_value.hpp: the values of attributes in .debug_info, in the forms of DWARF 2 to 5.
#pragma once

#include "runtime/inspect/symbols/dwarf_reader.hpp"

namespace fiber::rt {

enum dwarf_form : std::uint64_t {
    form_addr = 0x01,
    form_block2 = 0x03,
    form_block4 = 0x04,
    form_data2 = 0x05,
    form_data4 = 0x06,
    form_data8 = 0x07,
    form_string = 0x08,
    form_block = 0x09,
    form_block1 = 0x0a,
    form_data1 = 0x0b,
    form_flag = 0x0c,
    form_sdata = 0x0d,
    form_strp = 0x0e,
    form_udata = 0x0f,
    form_ref_addr = 0x10,
    form_ref1 = 0x11,
    form_ref2 = 0x12,
    form_ref4 = 0x13,
    form_ref8 = 0x14,
    form_ref_udata = 0x15,
    form_indirect = 0x16,
    form_sec_offset = 0x17,
    form_exprloc = 0x18,
    form_flag_present = 0x19,
    form_strx = 0x1a,
    form_addrx = 0x1b,
    form_ref_sup4 = 0x1c,
    form_strp_sup = 0x1d,
    form_data16 = 0x1e,
    form_line_strp = 0x1f,
    form_ref_sig8 = 0x20,
    form_implicit_const = 0x21,
    form_loclistx = 0x22,
    form_rnglistx = 0x23,
    form_ref_sup8 = 0x24,
    form_strx1 = 0x25,
    form_strx2 = 0x26,
    form_strx3 = 0x27,
    form_strx4 = 0x28,
    form_addrx1 = 0x29,
    form_addrx2 = 0x2a,
    form_addrx3 = 0x2b,
    form_addrx4 = 0x2c,
    form_gnu_ref_alt = 0x1f20,
    form_gnu_strp_alt = 0x1f21,
};

struct dwarf_value {
    std::uint64_t number = 0; // 0 for texts and blocks
    std::uint64_t form = 0;   // 0: there is no such attribute

    [[nodiscard]] bool exists() const noexcept { return form != 0; }
    // Is it an address, or the index of one in .debug_addr?
    [[nodiscard]] bool is_address() const noexcept {
        return form == form_addr || form == form_addrx || (form >= form_addrx1 && form <= form_addrx4);
    }
    // Is it the place of an entry in the same unit?
    [[nodiscard]] bool is_reference() const noexcept { return form >= form_ref1 && form <= form_ref_udata; }
};

// What the forms of a unit depend on.
struct dwarf_sizes {
    unsigned version = 0, address = 8, offset = 4;
};

// Reads a value. An unknown form ends the input: nothing after it can be read.
[[nodiscard]] dwarf_value read_value(dwarf_reader& in, dwarf_sizes const&, std::uint64_t form,
                                     std::int64_t constant) noexcept;

} // namespace fiber::rt

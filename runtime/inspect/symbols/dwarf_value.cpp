// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/symbols/dwarf_value.hpp"

namespace fiber::rt {

dwarf_value read_value(dwarf_reader& in, dwarf_sizes const& sizes, std::uint64_t form,
                       std::int64_t constant) noexcept {
    switch (form) {
    case form_addr:
        return {in.of_size(sizes.address), form};
    case form_data1:
    case form_ref1:
    case form_flag:
    case form_strx1:
    case form_addrx1:
        return {in.of_size(1), form};
    case form_data2:
    case form_ref2:
    case form_strx2:
    case form_addrx2:
        return {in.of_size(2), form};
    case form_strx3:
    case form_addrx3:
        return {in.of_size(1) | in.of_size(2) << 8, form};
    case form_data4:
    case form_ref4:
    case form_strx4:
    case form_addrx4:
    case form_ref_sup4:
        return {in.of_size(4), form};
    case form_data8:
    case form_ref8:
    case form_ref_sig8:
    case form_ref_sup8:
        return {in.of_size(8), form};
    case form_data16:
        in.take(16);
        return {0, form};
    case form_strp:
    case form_line_strp:
    case form_sec_offset:
    case form_strp_sup:
    case form_gnu_ref_alt:
    case form_gnu_strp_alt:
        return {in.of_size(sizes.offset), form};
    case form_ref_addr:
        return {in.of_size(sizes.version == 2 ? sizes.address : sizes.offset), form};
    case form_sdata:
        return {static_cast<std::uint64_t>(in.sleb()), form};
    case form_udata:
    case form_ref_udata:
    case form_strx:
    case form_addrx:
    case form_loclistx:
    case form_rnglistx:
        return {in.uleb(), form};
    case form_implicit_const:
        return {static_cast<std::uint64_t>(constant), form};
    case form_flag_present:
        return {1, form};
    case form_string:
        static_cast<void>(in.text());
        return {0, form};
    case form_block1:
        in.take(in.of_size(1));
        return {0, form};
    case form_block2:
        in.take(in.of_size(2));
        return {0, form};
    case form_block4:
        in.take(in.of_size(4));
        return {0, form};
    case form_block:
    case form_exprloc:
        in.take(in.uleb());
        return {0, form};
    case form_indirect:
        return read_value(in, sizes, in.uleb(), 0);
    default: // unknown: nothing after it can be read
        in.take(~std::uint64_t{0});
        return {};
    }
}

} // namespace fiber::rt

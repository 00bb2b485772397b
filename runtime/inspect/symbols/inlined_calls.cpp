// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// inlined_calls.cpp: a unit describes its functions by a tree of entries. An entry for an inlined call has
// the addresses of its code, and the place of the call. Entries stand in the order of the tree: an outer
// call comes before the calls in it. Damaged data end the search, and nothing else.

#include "runtime/inspect/symbols/inlined_calls.hpp"

#include "runtime/inspect/symbols/dwarf_value.hpp"

#include <algorithm>
#include <unordered_map>

namespace fiber::rt {
namespace {

enum tag : std::uint64_t {
    tag_class = 0x02,
    tag_enumeration = 0x04,
    tag_structure = 0x13,
    tag_union = 0x17,
    tag_inlined = 0x1d,
    tag_function = 0x2e,
};
enum attribute : std::uint64_t {
    at_sibling = 0x01,
    at_low = 0x11,
    at_high = 0x12,
    at_ranges = 0x55,
    at_call_file = 0x58,
    at_call_line = 0x59,
    at_addr_base = 0x73,
    at_rnglists_base = 0x74,
};
struct sections {
    dwarf_bytes info, abbreviations, ranges, range_lists, addresses;
};

struct description {
    std::uint64_t tag = 0;
    bool has_children = false;
    struct field {
        std::uint64_t attribute, form;
        std::int64_t constant;
    };
    std::vector<field> fields;
};
using description_table = std::unordered_map<std::uint64_t, description>;

description_table read_descriptions(dwarf_reader from) {
    description_table table;
    for (std::uint64_t code = from.uleb(); code != 0 && !from.empty(); code = from.uleb()) {
        description& d = table[code];
        d.tag = from.uleb();
        d.has_children = from.fixed<std::uint8_t>() != 0;
        for (;;) {
            std::uint64_t const attribute = from.uleb(), form = from.uleb();
            std::int64_t const constant = form == form_implicit_const ? from.sleb() : 0;
            if ((attribute == 0 && form == 0) || from.empty())
                break;
            d.fields.push_back({attribute, form, constant});
        }
    }
    return table;
}

// What is of interest in an entry.
struct entry {
    dwarf_value low, high, ranges, sibling, call_file, call_line, addr_base, rnglists_base;

    dwarf_value* find(std::uint64_t attribute) noexcept {
        switch (attribute) {
        case at_low:
            return &low;
        case at_high:
            return &high;
        case at_ranges:
            return &ranges;
        case at_sibling:
            return &sibling;
        case at_call_file:
            return &call_file;
        case at_call_line:
            return &call_line;
        case at_addr_base:
            return &addr_base;
        case at_rnglists_base:
            return &rnglists_base;
        default:
            return nullptr;
        }
    }
};

class unit {
public:
    // `bytes` begins after the length of the unit, which takes `length_size` bytes.
    unit(sections const& all, dwarf_bytes bytes, unit_length length) noexcept
        : all_(all), bytes_(bytes), in_(bytes), length_size_(length.offset_size == 4 ? 4 : 12) {
        sizes_.offset = length.offset_size;
    }

    void find(std::span<source_line> sorted, std::unordered_map<std::uint64_t, description_table>& tables) {
        if (!read_header())
            return;
        auto const [table, is_new] = tables.try_emplace(abbreviations_);
        if (is_new && abbreviations_ < all_.abbreviations.size())
            table->second = read_descriptions(
                dwarf_reader(all_.abbreviations.subspan(static_cast<std::size_t>(abbreviations_))));
        descriptions_ = &table->second;
        entry root;
        description const* const d = next(root);
        if (d == nullptr || !d->has_children)
            return;
        addr_base_ = root.addr_base.number;
        rnglists_base_ = root.rnglists_base.number;
        base_ = root.low.exists() ? address(root.low) : 0;
        bool const has_place = root.low.exists() || root.ranges.exists();
        if (has_place && !holds_any(root, sorted))
            return;
        walk(sorted);
    }

private:
    bool read_header() noexcept {
        sizes_.version = in_.fixed<std::uint16_t>();
        if (sizes_.version < 2 || sizes_.version > 5)
            return false;
        unsigned type = 1;
        if (sizes_.version >= 5) {
            type = in_.fixed<std::uint8_t>();
            sizes_.address = in_.fixed<std::uint8_t>();
            abbreviations_ = in_.of_size(sizes_.offset);
        } else {
            abbreviations_ = in_.of_size(sizes_.offset);
            sizes_.address = in_.fixed<std::uint8_t>();
        }
        return type == 1 || type == 3; // others have no code
    }

    // Reads the next entry, and returns its description; null at the end of a list of children.
    description const* next(entry& to) noexcept {
        auto const found = descriptions_->find(in_.uleb());
        if (found == descriptions_->end())
            return nullptr;
        for (description::field const& f : found->second.fields) {
            dwarf_value const v = read_value(in_, sizes_, f.form, f.constant);
            if (dwarf_value* const wanted = to.find(f.attribute))
                *wanted = v;
        }
        return &found->second;
    }

    void walk(std::span<source_line> sorted) {
        for (int depth = 1; depth > 0 && !in_.empty();) {
            entry e;
            description const* const d = next(e);
            if (d == nullptr) {
                --depth;
                continue;
            }
            if (d->tag == tag_inlined)
                note(e, sorted);
            bool const is_type = d->tag == tag_class || d->tag == tag_structure || d->tag == tag_union ||
                                 d->tag == tag_enumeration;
            bool const is_other_function = d->tag == tag_function && !holds_any(e, sorted);
            if (d->has_children && (!(is_type || is_other_function) || !skip_to(e.sibling)))
                ++depth;
        }
    }
    // Offsets in a unit count from its length on.
    bool skip_to(dwarf_value const& sibling) noexcept {
        if (!sibling.is_reference() || sibling.number < length_size_)
            return false;
        auto const at = sibling.number - length_size_;
        if (at > bytes_.size() || at < bytes_.size() - in_.left())
            return false;
        in_ = dwarf_reader(bytes_.subspan(static_cast<std::size_t>(at)));
        return true;
    }

    template <class Use>
    static void within(std::span<source_line> sorted, std::uint64_t low, std::uint64_t high, Use const& use) {
        auto it = std::lower_bound(sorted.begin(), sorted.end(), low,
                                   [](source_line const& l, std::uint64_t a) { return l.address < a; });
        for (; it != sorted.end() && it->address < high; ++it)
            use(*it);
    }
    void note(entry const& e, std::span<source_line> sorted) {
        call_site const at{e.call_file.number, static_cast<unsigned>(e.call_line.number)};
        for_each_range(e, [&](std::uint64_t low, std::uint64_t high) {
            within(sorted, low, high, [&](source_line& l) { l.inlined_at.insert(l.inlined_at.begin(), at); });
        });
    }
    bool holds_any(entry const& e, std::span<source_line> sorted) {
        bool any = false;
        for_each_range(e, [&](std::uint64_t low, std::uint64_t high) {
            within(sorted, low, high, [&](source_line&) { any = true; });
        });
        return any;
    }

    template <class Use>
    void for_each_range(entry const& e, Use const& use) {
        if (e.ranges.exists()) {
            sizes_.version >= 5 ? ranges_5(e.ranges, use) : ranges_2(e.ranges.number, use);
        } else if (e.low.exists() && e.high.exists()) {
            std::uint64_t const low = address(e.low);
            use(low, e.high.is_address() ? address(e.high) : low + e.high.number);
        }
    }
    template <class Use>
    void ranges_2(std::uint64_t offset, Use const& use) {
        if (offset >= all_.ranges.size())
            return;
        dwarf_reader in(all_.ranges.subspan(static_cast<std::size_t>(offset)));
        for (std::uint64_t base = base_; !in.empty();) {
            std::uint64_t const low = in.of_size(sizes_.address), high = in.of_size(sizes_.address);
            if (low == 0 && high == 0)
                return;
            if (low == ~std::uint64_t{0})
                base = high;
            else
                use(base + low, base + high);
        }
    }
    template <class Use>
    void ranges_5(dwarf_value const& list, Use const& use) {
        std::uint64_t offset = list.number;
        if (list.form == form_rnglistx)
            offset =
                rnglists_base_ + offset_at(all_.range_lists, rnglists_base_ + list.number * sizes_.offset);
        if (offset >= all_.range_lists.size())
            return;
        dwarf_reader in(all_.range_lists.subspan(static_cast<std::size_t>(offset)));
        for (std::uint64_t base = base_; !in.empty();) {
            std::uint64_t low = 0, high = 0;
            switch (in.fixed<std::uint8_t>()) {
            case 1: // base_addressx
                base = indexed_address(in.uleb());
                continue;
            case 2: // startx_endx
                low = indexed_address(in.uleb());
                high = indexed_address(in.uleb());
                break;
            case 3: // startx_length
                low = indexed_address(in.uleb());
                high = low + in.uleb();
                break;
            case 4: // offset_pair
                low = base + in.uleb();
                high = base + in.uleb();
                break;
            case 5: // base_address
                base = in.of_size(sizes_.address);
                continue;
            case 6: // start_end
                low = in.of_size(sizes_.address);
                high = in.of_size(sizes_.address);
                break;
            case 7: // start_length
                low = in.of_size(sizes_.address);
                high = low + in.uleb();
                break;
            default:
                return;
            }
            use(low, high);
        }
    }
    [[nodiscard]] std::uint64_t offset_at(dwarf_bytes in, std::uint64_t at) const noexcept {
        return at < in.size() ? dwarf_reader(in.subspan(static_cast<std::size_t>(at))).of_size(sizes_.offset)
                              : 0;
    }
    [[nodiscard]] std::uint64_t indexed_address(std::uint64_t index) const noexcept {
        std::uint64_t const at = addr_base_ + index * sizes_.address;
        if (at >= all_.addresses.size())
            return 0;
        return dwarf_reader(all_.addresses.subspan(static_cast<std::size_t>(at))).of_size(sizes_.address);
    }
    [[nodiscard]] std::uint64_t address(dwarf_value const& v) const noexcept {
        return v.form == form_addr ? v.number : indexed_address(v.number);
    }

    sections const& all_;
    dwarf_bytes const bytes_;
    dwarf_reader in_;
    unsigned const length_size_;
    dwarf_sizes sizes_;
    std::uint64_t abbreviations_ = 0, addr_base_ = 0, rnglists_base_ = 0, base_ = 0;
    description_table const* descriptions_ = nullptr;
};

} // namespace

void find_inlined_calls(elf_file const& of, std::span<source_line> sorted) {
    sections const all{of.section(".debug_info"), of.section(".debug_abbrev"), of.section(".debug_ranges"),
                       of.section(".debug_rnglists"), of.section(".debug_addr")};
    std::unordered_map<std::uint64_t, description_table> tables; // by their offsets
    dwarf_reader units(all.info);
    while (!units.empty()) {
        unit_length const length = read_unit_length(units);
        unit(all, units.take(length.bytes), length).find(sorted, tables);
    }
}

} // namespace fiber::rt

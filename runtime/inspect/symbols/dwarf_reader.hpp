// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dwarf_reader.hpp: reads numbers and texts from sections of DWARF.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace fiber::rt {

using dwarf_bytes = std::span<std::byte const>;

// Reads numbers from the front of a range. After an attempt to read beyond the end, all are 0.
class dwarf_reader {
public:
    explicit dwarf_reader(dwarf_bytes all) noexcept : all_(all) {}

    [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
    [[nodiscard]] std::size_t left() const noexcept { return all_.size(); }
    template <class T>
    T fixed() noexcept {
        T value{};
        dwarf_bytes const from = take(sizeof(T));
        if (!from.empty())
            std::memcpy(&value, from.data(), sizeof(T));
        return value;
    }
    std::uint64_t of_size(unsigned size) noexcept {
        switch (size) {
        case 1:
            return fixed<std::uint8_t>();
        case 2:
            return fixed<std::uint16_t>();
        case 4:
            return fixed<std::uint32_t>();
        case 8:
            return fixed<std::uint64_t>();
        default:
            take(size);
            return 0;
        }
    }
    std::uint64_t uleb() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; !empty(); shift += 7) {
            auto const b = fixed<std::uint8_t>();
            if (shift < 64)
                value |= std::uint64_t{b & 0x7fU} << shift;
            if ((b & 0x80U) == 0)
                break;
        }
        return value;
    }
    std::int64_t sleb() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; !empty();) {
            auto const b = fixed<std::uint8_t>();
            if (shift < 64)
                value |= std::uint64_t{b & 0x7fU} << shift;
            shift += 7;
            if ((b & 0x80U) == 0) {
                if ((b & 0x40U) != 0 && shift < 64)
                    value |= ~std::uint64_t{0} << shift;
                break;
            }
        }
        return static_cast<std::int64_t>(value);
    }
    std::string_view text() noexcept {
        auto const end = std::find(all_.begin(), all_.end(), std::byte{0});
        std::string_view const found(reinterpret_cast<char const*>(all_.data()),
                                     static_cast<std::size_t>(end - all_.begin()));
        take(std::min(found.size() + 1, all_.size()));
        return found;
    }
    dwarf_bytes take(std::uint64_t n) noexcept {
        if (n > all_.size()) {
            all_ = {};
            return {};
        }
        dwarf_bytes const front = all_.first(static_cast<std::size_t>(n));
        all_ = all_.subspan(static_cast<std::size_t>(n));
        return front;
    }

private:
    dwarf_bytes all_;
};

[[nodiscard]] inline std::string_view text_at(dwarf_bytes section, std::uint64_t offset) noexcept {
    return offset < section.size() ? dwarf_reader(section.subspan(static_cast<std::size_t>(offset))).text()
                                   : std::string_view();
}

// The length at the front of a unit, and the size of the offsets in it: 4 or 8.
struct unit_length {
    std::uint64_t bytes;
    unsigned offset_size;
};
[[nodiscard]] inline unit_length read_unit_length(dwarf_reader& from) noexcept {
    std::uint64_t const length = from.fixed<std::uint32_t>();
    return length == 0xffffffff ? unit_length{from.fixed<std::uint64_t>(), 8} : unit_length{length, 4};
}

} // namespace fiber::rt

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/report.hpp"

#include "runtime/inspect/symbols/symbols.hpp"

#include <cstdio>
#include <string_view>
#include <unordered_set>

namespace fiber::rt {
namespace {

// Returns the number of bytes of the UTF-8 character at the front, or 0 if there is none.
std::size_t character_length(std::string_view text) noexcept {
    auto const byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char const first = byte(0);
    std::size_t const length = first < 0x80   ? 1
                               : first < 0xc2 ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length > text.size())
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
    bool const wrong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                       (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
    return wrong ? 0 : length;
}

// Names may have any bytes. A byte that is no UTF-8 becomes U+FFFD.
std::string quoted(std::string_view text) {
    std::string all = "\"";
    while (!text.empty()) {
        std::size_t const length = character_length(text);
        auto const first = static_cast<unsigned char>(text[0]);
        if (length == 0) {
            all += "\\ufffd";
        } else if (first < 0x20 || first == 0x7f) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", first);
            all += escaped;
        } else {
            if (first == '"' || first == '\\')
                all += '\\';
            all += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return all + '"';
}

std::string text_of(void const* p) {
    char text[24];
    std::snprintf(text, sizeof text, "\"0x%zx\"", reinterpret_cast<std::size_t>(p));
    return text;
}

std::string text_of(place const& p, void const* address) {
    char offset[24];
    std::snprintf(offset, sizeof offset, "\"0x%zx\"", p.offset);
    std::string text =
        "{\"address\":" + text_of(address) + ",\"module\":" + quoted(p.module) + ",\"offset\":" + offset;
    if (!p.function.empty())
        text += ",\"function\":" + quoted(p.function);
    if (p.line != 0)
        text += ",\"file\":" + quoted(p.file) + ",\"line\":" + std::to_string(p.line);
    return text + '}';
}

std::string text_of(fiber_facts const& f, symbol_table const& symbols) {
    std::string text = "{\"id\":" + std::to_string(f.number) + ",\"name\":" + quoted(f.name) +
                       ",\"state\":" + quoted(f.state) + ",\"waits_for\":" + quoted(f.waits_for);
    text += ",\"object\":" + (f.object != nullptr ? text_of(f.object) : std::string("null"));
    text += ",\"waiting_ns\":" + std::to_string(f.waiting.count());
    text += ",\"started_at\":" + text_of(symbols[f.started_at], f.started_at) + ",\"frames\":[";
    for (std::size_t i = 0; i < f.frames.size(); ++i)
        text.append(i == 0 ? "" : ",").append(text_of(symbols[f.frames[i]], f.frames[i]));
    return text + (f.has_more_frames ? "],\"has_more_frames\":true}" : "]}");
}

} // namespace

std::string to_json(std::vector<runtime_facts> const& all) {
    symbol_table symbols;
    std::unordered_set<void const*> addresses;
    for (runtime_facts const& r : all)
        for (fiber_facts const& f : r.fibers) {
            addresses.insert(f.started_at);
            addresses.insert(f.frames.begin(), f.frames.end());
        }
    symbols.add({addresses.begin(), addresses.end()});
    std::string text = "{\"runtimes\":[";
    for (std::size_t i = 0; i < all.size(); ++i) {
        text += (i == 0 ? "" : ",");
        text += "{\"processors\":" + std::to_string(all[i].processors) +
                ",\"live\":" + std::to_string(all[i].live) + ",\"fibers\":[";
        for (std::size_t k = 0; k < all[i].fibers.size(); ++k)
            text.append(k == 0 ? "\n" : ",\n").append(text_of(all[i].fibers[k], symbols));
        text += "]}";
    }
    return text + "]}\n";
}

} // namespace fiber::rt

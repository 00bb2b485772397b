// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/symbols/symbols.hpp"

#include "runtime/inspect/symbols/elf_file.hpp"
#include "runtime/inspect/symbols/line_table.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <link.h>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace fiber::rt {
namespace {

// A program or library that is loaded, and the calls in it that are looked up.
struct module {
    std::string path;
    std::uintptr_t base = 0; // what is added to addresses in the file
    struct range {
        std::uintptr_t begin, end;
    };
    std::vector<range> code;
    struct wanted {
        void const* address;
        std::uintptr_t in_file; // of the call, which is before the return address
    };
    std::vector<wanted> calls;

    [[nodiscard]] bool holds(std::uintptr_t a) const noexcept {
        return std::any_of(code.begin(), code.end(),
                           [a](range const& r) { return a - r.begin < r.end - r.begin; });
    }
};

std::string path_of_program() {
    std::string path(4096, '\0');
    ssize_t const n = ::readlink("/proc/self/exe", path.data(), path.size());
    path.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return path;
}

std::vector<module> loaded_modules() {
    std::vector<module> all;
    auto const add = [](dl_phdr_info* info, std::size_t, void* to) {
        auto& list = *static_cast<std::vector<module>*>(to);
        module& m = list.emplace_back();
        m.path = info->dlpi_name; // empty for the program, which comes first
        m.base = info->dlpi_addr;
        for (int i = 0; i < info->dlpi_phnum; ++i)
            if (auto const& p = info->dlpi_phdr[i]; p.p_type == PT_LOAD && (p.p_flags & PF_X) != 0)
                m.code.push_back({m.base + p.p_vaddr, m.base + p.p_vaddr + p.p_memsz});
        return 0;
    };
    ::dl_iterate_phdr(add, &all);
    if (!all.empty() && all.front().path.empty())
        all.front().path = path_of_program();
    return all;
}

std::string demangled(char const* name) {
    int status = 0;
    std::unique_ptr<char, decltype(&std::free)> const text(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
    return status == 0 && text != nullptr ? text.get() : name;
}

// Returns true for compiled functions of the library. A template of the library is the program's: the
// compiler may have inlined code of the program into it, as into the entry of a fiber.
bool is_of_library(std::string_view mangled) noexcept {
    if (mangled.starts_with("fiber_arch_"))
        return true;
    std::string_view rest = mangled;
    for (std::string_view const prefix : {"_ZZN5fiber", "_ZZNK5fiber", "_ZNK5fiber", "_ZN5fiber"})
        if (mangled.starts_with(prefix))
            rest.remove_prefix(prefix.size());
    if (rest.size() == mangled.size())
        return false;
    while (!rest.empty() && rest[0] >= '1' && rest[0] <= '9') { // names, each after its length
        std::size_t length = 0;
        for (; !rest.empty() && rest[0] >= '0' && rest[0] <= '9'; rest.remove_prefix(1))
            length = 10 * length + static_cast<std::size_t>(rest[0] - '0');
        rest.remove_prefix(std::min(length, rest.size()));
    }
    return !rest.starts_with('I'); // arguments of a template
}

void find_functions(elf_file const& in, module const& m, std::unordered_map<void const*, place>& to) {
    auto const all = in.functions();
    for (module::wanted const& c : m.calls) {
        auto at = std::upper_bound(all.begin(), all.end(), c.in_file,
                                   [](std::uintptr_t a, elf_file::function const& f) { return a < f.begin; });
        if (at == all.begin())
            continue;
        --at;
        // Functions in assembly may have no size.
        if (c.in_file < at->end || (at->end == at->begin && c.in_file - at->begin < 4096)) {
            place& p = to[c.address];
            p.function = demangled(at->name);
            p.is_ours = is_of_library(at->name);
        }
    }
}

void find_source_lines(elf_file const& in, module const& m, std::unordered_map<void const*, place>& to) {
    std::vector<source_line> lines;
    for (module::wanted const& c : m.calls) // sorted by address
        lines.push_back({c.in_file, {}, 0, {}});
    find_lines(in, lines);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        place& p = to[m.calls[i].address];
        p.file = std::move(lines[i].file);
        p.line = lines[i].line;
    }
}

} // namespace

void symbol_table::add(std::vector<void const*> const& return_addresses) {
    auto all = loaded_modules();
    for (void const* const address : return_addresses) {
        if (!known_.try_emplace(address).second)
            continue;
        auto const call = reinterpret_cast<std::uintptr_t>(address) - 1;
        auto const m =
            std::find_if(all.begin(), all.end(), [call](module const& x) { return x.holds(call); });
        if (m != all.end())
            m->calls.push_back({address, call - m->base});
    }
    for (module& m : all) {
        if (m.calls.empty())
            continue;
        std::sort(m.calls.begin(), m.calls.end(),
                  [](module::wanted const& a, module::wanted const& b) { return a.in_file < b.in_file; });
        for (module::wanted const& c : m.calls) {
            place& p = known_[c.address];
            p.module = m.path;
            p.offset = c.in_file;
        }
        elf_file const file(m.path.c_str());
        find_functions(file, m, known_);
        find_source_lines(file, m, known_);
    }
}

place const& symbol_table::operator[](void const* address) const noexcept {
    auto const found = known_.find(address);
    return found != known_.end() ? found->second : unknown_;
}

std::string to_text(place const& p) {
    std::string text = p.function.empty() ? "?" : p.function;
    if (p.line != 0)
        text += " at " + p.file + ":" + std::to_string(p.line);
    if (!p.module.empty()) {
        char offset[24];
        std::snprintf(offset, sizeof offset, "+0x%zx)", p.offset);
        text += " (" + p.module.substr(p.module.rfind('/') + 1) + offset;
    }
    return text;
}

} // namespace fiber::rt

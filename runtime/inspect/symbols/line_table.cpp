// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// line_table.cpp: a line program describes a table with a row for each address at which a line begins. It is
// executed, and only the rows that were asked for are kept. Damaged data end the search, and nothing else.

#include "runtime/inspect/symbols/line_table.hpp"

#include "runtime/inspect/symbols/dwarf_reader.hpp"
#include "runtime/inspect/symbols/inlined_calls.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace fiber::rt {
namespace {

struct sections {
    dwarf_bytes lines, line_texts, texts;
};

// One line program: the files that it names, and its table.
class program {
public:
    program(sections const& all, dwarf_bytes unit, unsigned offset_size) noexcept
        : all_(all), in_(unit), offset_size_(offset_size) {}

    void run(std::span<source_line> wanted) {
        if (!read_header())
            return;
        rows(wanted);
    }

private:
    struct row {
        std::uint64_t address = 0, file = 1, line = 1;
    };
    struct field {
        std::uint64_t content, form;
    };
    static constexpr std::uint64_t content_path = 1, content_directory = 2;

    bool read_header() {
        version_ = in_.fixed<std::uint16_t>();
        if (version_ < 2 || version_ > 5)
            return false;
        if (version_ >= 5) {
            in_.take(1); // the size of an address
            if (in_.fixed<std::uint8_t>() != 0)
                return false; // segments
        }
        dwarf_bytes const head = in_.take(in_.of_size(offset_size_));
        dwarf_reader h(head);
        step_ = h.fixed<std::uint8_t>();
        if (version_ >= 4)
            h.take(1); // operations in an instruction of VLIW machines
        h.take(1);     // whether rows are statements
        line_base_ = h.fixed<std::int8_t>();
        line_range_ = h.fixed<std::uint8_t>();
        opcode_base_ = h.fixed<std::uint8_t>();
        if (line_range_ == 0 || opcode_base_ == 0)
            return false;
        arguments_.clear();
        for (unsigned i = 1; i < opcode_base_; ++i)
            arguments_.push_back(h.fixed<std::uint8_t>());
        version_ >= 5 ? read_names_5(h) : read_names_2(h);
        return true;
    }
    void read_names_2(dwarf_reader& h) {
        directories_.emplace_back(); // 0: where the compiler ran
        for (std::string_view d = h.text(); !d.empty(); d = h.text())
            directories_.push_back(d);
        files_.push_back({});
        for (std::string_view f = h.text(); !f.empty(); f = h.text()) {
            files_.push_back({f, h.uleb()});
            h.uleb(); // time and size
            h.uleb();
        }
    }
    void read_names_5(dwarf_reader& h) {
        for (file const& d : read_entries(h))
            directories_.push_back(d.name);
        files_ = read_entries(h);
    }
    struct file {
        std::string_view name;
        std::uint64_t directory = 0;
    };
    std::vector<file> read_entries(dwarf_reader& h) {
        std::vector<field> fields(h.fixed<std::uint8_t>());
        for (field& f : fields) {
            f.content = h.uleb();
            f.form = h.uleb();
        }
        std::vector<file> found;
        for (std::uint64_t n = h.uleb(); n != 0 && !h.empty(); --n) {
            file entry;
            for (field const& f : fields)
                read_field(h, f, entry);
            found.push_back(entry);
        }
        return found;
    }
    void read_field(dwarf_reader& h, field const& f, file& to) {
        std::string_view text;
        std::uint64_t number = 0;
        switch (f.form) {
        case 0x08: // string
            text = h.text();
            break;
        case 0x1f: // line_strp
            text = text_at(all_.line_texts, h.of_size(offset_size_));
            break;
        case 0x0e: // strp
            text = text_at(all_.texts, h.of_size(offset_size_));
            break;
        case 0x0b: // data1
            number = h.fixed<std::uint8_t>();
            break;
        case 0x05: // data2
            number = h.fixed<std::uint16_t>();
            break;
        case 0x0f: // udata
            number = h.uleb();
            break;
        case 0x1e: // data16
            h.take(16);
            break;
        default: // unknown: nothing after it can be read
            h.take(~std::uint64_t{0});
            break;
        }
        if (f.content == content_path)
            to.name = text;
        else if (f.content == content_directory)
            to.directory = number;
    }

    void rows(std::span<source_line> wanted) {
        row now, last;
        bool has_last = false;
        auto const add = [&](bool ends) {
            if (has_last && now.address > last.address)
                answer(wanted, last, now.address);
            last = now;
            has_last = !ends;
            if (ends)
                now = row{};
        };
        while (!in_.empty()) {
            auto const op = in_.fixed<std::uint8_t>();
            if (op >= opcode_base_) {
                unsigned const special = op - opcode_base_;
                now.address += std::uint64_t{special / line_range_} * step_;
                now.line += static_cast<std::uint64_t>(line_base_ + static_cast<int>(special % line_range_));
                add(false);
                continue;
            }
            switch (op) {
            case 0:
                extended(now, add);
                break;
            case 1: // copy
                add(false);
                break;
            case 2: // advance the address
                now.address += in_.uleb() * step_;
                break;
            case 3: // advance the line
                now.line += static_cast<std::uint64_t>(in_.sleb());
                break;
            case 4: // set the file
                now.file = in_.uleb();
                break;
            case 8: // advance the address as special opcode 255 does
                now.address += std::uint64_t{(255U - opcode_base_) / line_range_} * step_;
                break;
            case 9: // advance the address by a fixed number
                now.address += in_.fixed<std::uint16_t>();
                break;
            default:
                for (unsigned n = arguments_[op - 1U]; n != 0; --n)
                    in_.uleb();
                break;
            }
        }
    }
    template <class Add>
    void extended(row& now, Add const& add) {
        dwarf_reader e(in_.take(in_.uleb()));
        switch (e.fixed<std::uint8_t>()) {
        case 1: // end of a sequence
            add(true);
            break;
        case 2: // set the address
            now.address = e.fixed<std::uint64_t>();
            break;
        default:
            break;
        }
    }
    void answer(std::span<source_line> wanted, row const& at, std::uint64_t end) {
        auto const by_address = [](source_line const& l, std::uint64_t a) { return l.address < a; };
        auto it = std::lower_bound(wanted.begin(), wanted.end(), at.address, by_address);
        for (; it != wanted.end() && it->address < end; ++it) {
            if (at.line == 0 || at.address == 0)
                continue; // a row for removed code begins at 0
            call_site best{at.file, static_cast<unsigned>(at.line)};
            if (is_foreign(best.file))
                for (call_site const& c : it->inlined_at)
                    if (!is_foreign(c.file)) {
                        best = c;
                        break;
                    }
            it->line = best.line;
            it->file = path_of(best.file);
        }
    }
    [[nodiscard]] bool is_foreign(std::uint64_t number) {
        if (number >= foreign_.size())
            foreign_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(number, files_.size())) + 1,
                            unknown);
        if (number >= foreign_.size())
            return true;
        answer_kept& kept = foreign_[static_cast<std::size_t>(number)];
        if (kept == unknown) {
            std::string const path = path_of(number);
            bool const is =
                path.find("include/fiber/") != path.npos || path.find("include/c++/") != path.npos;
            kept = is ? yes : no;
        }
        return kept == yes;
    }
    [[nodiscard]] std::string path_of(std::uint64_t number) const {
        if (number >= files_.size())
            return {};
        file const& f = files_[static_cast<std::size_t>(number)];
        std::string path;
        if (!f.name.starts_with('/') && f.directory < directories_.size())
            path = directories_[static_cast<std::size_t>(f.directory)];
        if (!path.empty())
            path += '/';
        return path.append(f.name);
    }

    sections const& all_;
    dwarf_reader in_;
    unsigned const offset_size_;
    unsigned version_ = 0, step_ = 0, line_range_ = 1, opcode_base_ = 1;
    int line_base_ = 0;
    std::vector<std::uint8_t> arguments_;
    std::vector<std::string_view> directories_;
    std::vector<file> files_;
    enum answer_kept : std::uint8_t { unknown, yes, no };
    std::vector<answer_kept> foreign_; // by the number of the file
};

} // namespace

void find_lines(elf_file const& of, std::span<source_line> sorted) {
    sections const all{of.section(".debug_line"), of.section(".debug_line_str"), of.section(".debug_str")};
    find_inlined_calls(of, sorted);
    dwarf_reader units(all.lines);
    while (!units.empty() && !sorted.empty()) {
        unit_length const unit = read_unit_length(units);
        program(all, units.take(unit.bytes), unit.offset_size).run(sorted);
    }
}

} // namespace fiber::rt

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/report.hpp"

#include "runtime/inspect/cycles.hpp"
#include "runtime/inspect/duration_text.hpp"
#include "runtime/inspect/symbols/symbols.hpp"
#include "runtime/stack/stack_class.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <span>
#include <tuple>
#include <unordered_set>

namespace fiber::rt {
namespace {

using listed = std::vector<fiber_facts const*>;

// A name must not break the lines of a report, or change a terminal.
std::string quoted(std::string const& name) {
    std::string text = "\"";
    for (char const c : name) {
        auto const byte = static_cast<unsigned char>(c);
        char escaped[8];
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
            text += escaped;
        } else {
            text += c;
        }
    }
    return text + '"';
}

std::string with_commas(std::size_t n) {
    std::string digits = std::to_string(n);
    for (auto at = digits.size(); at > 3; at -= 3)
        digits.insert(at - 3, 1, ',');
    return digits;
}

std::string pointer_text(void const* p) {
    char text[24];
    std::snprintf(text, sizeof text, "%p", p);
    return text;
}

// Prints the size of a stack, which may belong to another fiber already. Therefore reads none of its
// memory, but asks the kernel about the pages at its address.
std::string text_of_stack(stack const* s) {
    memory_range const slot = stack_class::slot_of(s);
    if (slot.size == 0)
        return {};
    auto const touched = touched_in({slot.begin + guard_size, slot.size - guard_size});
    return "; stack " + std::to_string(touched.depth / 1024) + " of " + std::to_string(slot.size / 1024) +
           " KiB";
}

// What makes fibers equal, beside the kind of their wait.
enum class grouping { by_frames, by_frames_and_start };

class text_report {
public:
    text_report(std::vector<fiber_facts> const& of, grouping by) : by_(by) {
        std::unordered_set<void const*> addresses;
        for (fiber_facts const& f : of) {
            addresses.insert(f.started_at);
            addresses.insert(f.frames.begin(), f.frames.end());
        }
        symbols_.add({addresses.begin(), addresses.end()});
        group(of);
    }

    [[nodiscard]] std::string text() const {
        std::string all;
        for (listed const* const g : order_)
            all += '\n' + text_of(*g);
        return all;
    }

private:
    using key = std::tuple<std::string, std::string, std::vector<void*>, void const*>;

    void group(std::vector<fiber_facts> const& of) {
        for (fiber_facts const& f : of) {
            auto const frames = program_frames(f);
            groups_[key(f.state, kind_of(f), std::vector<void*>(frames.begin(), frames.end()),
                        by_ == grouping::by_frames_and_start ? start_of(f)
                        : frames.empty()                     ? f.started_at
                                                             : nullptr)]
                .push_back(&f);
        }
        for (auto& [k, members] : groups_) {
            std::sort(members.begin(), members.end(),
                      [](auto const* a, auto const* b) { return a->number < b->number; });
            order_.push_back(&members);
        }
        std::sort(order_.begin(), order_.end(), [](listed const* a, listed const* b) {
            return std::tuple(b->size(), a->front()->number) < std::tuple(a->size(), b->front()->number);
        });
    }
    // Returns one address for all calls in a line: a compiler that unrolls a loop makes several.
    [[nodiscard]] void const* start_of(fiber_facts const& f) {
        place const& p = symbols_[f.started_at];
        if (p.function.empty())
            return f.started_at;
        return starts_.try_emplace(std::tuple(p.function, p.file, p.line), f.started_at).first->second;
    }
    static std::string kind_of(fiber_facts const& f) {
        return f.state == "blocked" ? f.waits_for : std::string(to_string(f.why));
    }
    [[nodiscard]] bool is_ours(void const* pc) const { return symbols_[pc].is_ours; }
    // The frames below the library's, which are innermost, and above its entry of fibers. A compiler that
    // inlines across files makes several entries, for stacks that are new or have been used.
    [[nodiscard]] std::span<void* const> program_frames(fiber_facts const& f) const {
        auto const first =
            std::find_if_not(f.frames.begin(), f.frames.end(), [this](void* pc) { return is_ours(pc); });
        if (first == f.frames.end())
            return f.frames; // all are the library's
        auto frames = std::span(f.frames).subspan(static_cast<std::size_t>(first - f.frames.begin()));
        while (is_ours(frames.back())) // ends at the first frame at the latest
            frames = frames.first(frames.size() - 1);
        return frames;
    }
    // The frames to print: the program's, and the function of the library that it has called.
    [[nodiscard]] std::span<void* const> printed_frames(fiber_facts const& f) const {
        auto const frames = program_frames(f);
        bool const hides_some = frames.size() < f.frames.size() && frames.data() != f.frames.data();
        return hides_some ? std::span(frames.data() - 1, frames.size() + 1) : frames;
    }

    [[nodiscard]] std::string text_of(listed const& members) const {
        fiber_facts const& f = *members.front();
        std::string text = members.size() == 1 ? title_of(f) : with_commas(members.size()) + " fibers";
        text += ": " + f.state + text_of_wait(members);
        if (members.size() == 1 && f.on != nullptr)
            text += text_of_stack(f.on);
        text += "; started at " + to_text(symbols_[f.started_at]) + '\n';
        if (members.size() > 1)
            text += text_of_members(members);
        for (void* const pc : printed_frames(f))
            text += "    " + pointer_text(pc) + ' ' + to_text(symbols_[pc]) + '\n';
        if (f.has_more_frames)
            text += "    …\n";
        return text;
    }
    [[nodiscard]] static std::string text_of_wait(listed const& members) {
        fiber_facts const& f = *members.front();
        if (f.waits_for.empty())
            return {};
        auto const all_have = [&](auto member) {
            return std::all_of(members.begin(), members.end(),
                               [&](fiber_facts const* x) { return x->*member == f.*member; });
        };
        std::string const kind = kind_of(f);
        std::string text = ", " + kind;
        if (f.object != nullptr && all_have(&fiber_facts::object))
            text += ' ' + pointer_text(f.object);
        if (all_have(&fiber_facts::waits_for))
            text += f.waits_for.substr(kind.size());
        if (f.state != "parked")
            return text;
        auto const by_time = [](fiber_facts const* a, fiber_facts const* b) {
            return a->waiting < b->waiting;
        };
        auto const [least, most] = std::minmax_element(members.begin(), members.end(), by_time);
        text += "; for " + to_text((*most)->waiting);
        if (to_text((*least)->waiting) != to_text((*most)->waiting))
            text += ", the newest for " + to_text((*least)->waiting);
        return text;
    }
    [[nodiscard]] static std::string text_of_members(listed const& members) {
        constexpr std::size_t most = 5;
        std::string text = "    ";
        for (std::size_t i = 0; i < std::min(most, members.size()); ++i)
            text.append(i == 0 ? "" : ", ").append(title_of(*members[i]));
        if (members.size() > most)
            text += " and " + with_commas(members.size() - most) + " more";
        return text + '\n';
    }

    grouping const by_;
    symbol_table symbols_;
    std::map<std::tuple<std::string, std::string, unsigned>, void const*> starts_;
    std::map<key, listed> groups_;
    std::vector<listed const*> order_;
};

} // namespace

std::string title_of(fiber_facts const& f) {
    std::string text = "fiber " + std::to_string(f.number);
    return f.name.empty() ? text : text + ' ' + quoted(f.name);
}

std::string to_text_by_start(std::vector<fiber_facts> const& fibers) {
    return text_report(fibers, grouping::by_frames_and_start).text();
}

std::string to_text(std::vector<runtime_facts> const& all) {
    std::string text;
    for (runtime_facts const& r : all)
        text += std::to_string(r.live) + " fibers on " + std::to_string(r.processors) + " processors\n" +
                text_report(r.fibers, grouping::by_frames).text() + '\n';
    for (circle const& c : find_circles(all))
        text += to_text(c) + '\n';
    return text;
}

} // namespace fiber::rt

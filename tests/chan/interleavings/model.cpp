// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// model.cpp: channels by the book: each operation is one step, or puts its fiber into queues where others' steps, or
// the end of its time, find it. All orders of the steps are gone through.
#include "tests/chan/interleavings/program.hpp"

#include <algorithm>
#include <deque>

namespace tests {
namespace {

using kind = operation::kind;
using patience = operation::patience;

struct waiting {
    std::size_t fiber;
    std::size_t which; // of its cases
    int value;
    bool operator==(waiting const&) const = default;
};

struct channel_state {
    std::deque<int> values;
    std::deque<waiting> senders, receivers;
    bool closed = false;
};

struct fiber_state {
    std::size_t next = 0;
    bool waits = false;
    std::string results;
};

struct state {
    std::vector<channel_state> channels;
    std::vector<fiber_state> fibers;

    [[nodiscard]] std::string key() const {
        std::string k;
        for (auto const& c : channels) {
            for (int const v : c.values)
                k += std::to_string(v) + ',';
            for (auto const* q : {&c.senders, &c.receivers}) {
                k += ';';
                for (auto const& w : *q)
                    k += std::to_string(w.fiber) + std::to_string(w.which);
            }
            k += c.closed ? '!' : '|';
        }
        for (auto const& f : fibers)
            k += std::to_string(f.next) + (f.waits ? '?' : '.') + f.results + '|';
        return k;
    }
};

class model {
public:
    explicit model(program const& p) : p_(p) {}

    void explore(state const& s) {
        if (!seen_.insert(s.key()).second)
            return;
        bool moved = false;
        for (std::size_t f = 0; f < s.fibers.size(); ++f) {
            if (s.fibers[f].waits ? expire(s, f) : start(s, f))
                moved = true;
        }
        if (!moved)
            found.insert(outcome(s));
    }

    outcomes found;

private:
    [[nodiscard]] operation const& op_of(state const& s, std::size_t f) const {
        return p_.fibers[f][s.fibers[f].next];
    }
    [[nodiscard]] std::string outcome(state const& s) const {
        std::string text;
        for (std::size_t f = 0; f < s.fibers.size(); ++f)
            text += s.fibers[f].results + (s.fibers[f].next == p_.fibers[f].size() ? "." : "?") + ' ';
        return text;
    }

    // The transfers among which an operation chooses: itself, or its cases.
    [[nodiscard]] static std::vector<operation> transfers(operation const& op) {
        return op.what == kind::select ? op.cases : std::vector<operation>{op};
    }
    static bool sends(operation const& op) {
        return op.what == kind::send || op.what == kind::try_send || op.what == kind::send_for;
    }
    static patience waits(operation const& op) {
        switch (op.what) {
        case kind::try_send:
        case kind::try_recv:
            return patience::none;
        case kind::send_for:
        case kind::recv_for:
            return patience::for_a_time;
        case kind::select:
            return op.select_waits;
        default:
            return patience::for_ever;
        }
    }

    void finish(state& s, std::size_t f, std::size_t which, std::string const& result) const {
        bool const named = op_of(s, f).what == kind::select && result != "-" && result != "t";
        if (named)
            s.fibers[f].results += static_cast<char>('a' + which);
        s.fibers[f].results += result;
        s.fibers[f].waits = false;
        ++s.fibers[f].next;
        for (auto& c : s.channels)
            for (auto* q : {&c.senders, &c.receivers})
                q->erase(std::remove_if(q->begin(), q->end(), [f](auto const& w) { return w.fiber == f; }),
                         q->end());
    }

    // False: it cannot be done now.
    bool transfer(state& s, std::size_t f, std::size_t which, operation const& op) const {
        auto const at = static_cast<std::size_t>(op.channel);
        if (p_.capacities[at] < 0)
            return false;
        auto& c = s.channels[at];
        auto const capacity = static_cast<std::size_t>(p_.capacities[at]);
        if (sends(op)) {
            if (c.closed) {
                finish(s, f, which, "x");
            } else if (!c.receivers.empty()) {
                auto const to = c.receivers.front();
                finish(s, to.fiber, to.which, std::to_string(op.value));
                finish(s, f, which, "!");
            } else if (c.values.size() < capacity) {
                c.values.push_back(op.value);
                finish(s, f, which, "!");
            } else {
                return false;
            }
            return true;
        }
        if (!c.values.empty()) {
            int const value = c.values.front();
            c.values.pop_front();
            if (!c.senders.empty()) {
                auto const from = c.senders.front();
                c.values.push_back(from.value);
                finish(s, from.fiber, from.which, "!");
            }
            finish(s, f, which, std::to_string(value));
        } else if (!c.senders.empty()) {
            auto const from = c.senders.front();
            finish(s, from.fiber, from.which, "!");
            finish(s, f, which, std::to_string(from.value));
        } else if (c.closed) {
            finish(s, f, which, "x");
        } else {
            return false;
        }
        return true;
    }

    bool start(state const& before, std::size_t f) {
        if (before.fibers[f].next == p_.fibers[f].size())
            return false;
        operation const& op = op_of(before, f);
        if (op.what == kind::close) {
            close(before, f, op);
            return true;
        }
        bool ready = false;
        auto const all = transfers(op);
        for (std::size_t i = 0; i < all.size(); ++i) {
            state s = before;
            if (transfer(s, f, i, all[i])) {
                ready = true;
                explore(s);
            }
        }
        if (ready)
            return true;
        state s = before;
        if (waits(op) == patience::none) {
            finish(s, f, 0, "-");
        } else {
            s.fibers[f].waits = true;
            for (std::size_t i = 0; i < all.size(); ++i) {
                auto& c = s.channels[static_cast<std::size_t>(all[i].channel)];
                if (p_.capacities[static_cast<std::size_t>(all[i].channel)] >= 0)
                    (sends(all[i]) ? c.senders : c.receivers).push_back({f, i, all[i].value});
            }
        }
        explore(s);
        return true;
    }

    void close(state const& before, std::size_t f, operation const& op) {
        state s = before;
        auto const at = static_cast<std::size_t>(op.channel);
        auto& c = s.channels[at];
        if (c.closed || p_.capacities[at] < 0) {
            finish(s, f, 0, "x");
        } else {
            c.closed = true;
            for (auto* q : {&c.receivers, &c.senders})
                while (!q->empty()) {
                    auto const w = q->front();
                    finish(s, w.fiber, w.which, "x");
                }
            finish(s, f, 0, "!");
        }
        explore(s);
    }

    bool expire(state const& before, std::size_t f) {
        if (waits(op_of(before, f)) != patience::for_a_time)
            return false;
        state s = before;
        finish(s, f, 0, "t");
        explore(s);
        return true;
    }

    program const& p_;
    std::set<std::string> seen_;
};

} // namespace

outcomes all_allowed(program const& p) {
    model m(p);
    m.explore({std::vector<channel_state>(p.capacities.size()), std::vector<fiber_state>(p.fibers.size())});
    return m.found;
}

} // namespace tests

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_model.cpp: the model of contexts. A cancel has steps, and other fibers may read between them:
//   1 set the error of the node
//   2 close its done()
//   3 cancel all nodes below in the same way, in any order
// A fiber that finds an error already set waits until the node is settled, that is fully cancelled. When
// a cancel returns, all nodes below have an error and a closed done().
#include "tests/chan/interleavings/context_program.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tests {
namespace {

using kind = context_operation::kind;
using ended_by = context_operation::ended_by;

constexpr int background = -1;

struct node {
    int parent;
    char error = 'n';
    bool closed = false;
    bool armed = false;   // true until its deadline
    bool follows = false; // true if it is linked to the stop source
    bool joined = true;   // true if it was added to its parent before the parent's cancel
};

struct task { // one step of a cancel
    int node;
    bool error_set = false;
    bool operator==(task const&) const = default;
};

struct actor { // a fiber, or the clock
    std::size_t next = 0;
    int step = 0;          // the step of its operation
    int made = background; // the node that it has made, or waits for
    std::vector<task> tasks;
    char reason = 'c';
    std::string results;
};

struct state {
    std::vector<node> nodes;
    std::array<int, slots> slot;
    std::vector<actor> actors; // the last is the clock
    bool stopped = false;

    // Returns true if the node and all nodes below are cancelled.
    [[nodiscard]] bool settled(int at) const {
        node const& n = nodes[static_cast<std::size_t>(at)];
        bool all = n.error != 'n' && n.closed;
        for (std::size_t c = 0; all && c < nodes.size(); ++c)
            all = nodes[c].parent != at || !nodes[c].joined || settled(static_cast<int>(c));
        return all;
    }

    [[nodiscard]] std::string key() const {
        std::string k = stopped ? "s" : "";
        for (int const s : slot)
            k += std::to_string(s) + ',';
        for (auto const& n : nodes)
            k += std::to_string(n.parent) + n.error + (n.closed ? 'x' : '-') + (n.armed ? 'a' : '-') +
                 (n.follows ? 'f' : '-') + (n.joined ? 'j' : '-');
        for (auto const& a : actors) {
            k += '|' + std::to_string(a.next) + '.' + std::to_string(a.step) + '.' + std::to_string(a.made) +
                 a.reason + a.results;
            for (auto const& t : a.tasks)
                k += ' ' + std::to_string(t.node) + (t.error_set ? 'e' : '-');
        }
        return k;
    }
};

class model {
public:
    explicit model(context_program const& p) : p_(p) {}

    void explore(state const& s) {
        if (!seen_.insert(s.key()).second)
            return;
        bool moved = false;
        for (std::size_t a = 0; a < s.actors.size(); ++a)
            moved |= !s.actors[a].tasks.empty() ? work(s, a) : a == p_.size() ? fire(s) : operate(s, a);
        if (!moved)
            found.insert(outcome(s));
    }

    std::set<std::string> found;

private:
    [[nodiscard]] std::string outcome(state const& s) const {
        std::string text;
        for (std::size_t f = 0; f < p_.size(); ++f)
            text += s.actors[f].results + (s.actors[f].next == p_[f].size() ? "." : "?") + ' ';
        return text;
    }

    // Runs one step of one of the tasks.
    bool work(state const& before, std::size_t a) {
        bool moved = false;
        for (std::size_t i = 0; i < before.actors[a].tasks.size(); ++i) {
            state s = before;
            auto& tasks = s.actors[a].tasks;
            task const now = tasks[i];
            node& n = s.nodes[static_cast<std::size_t>(now.node)];
            if (!now.error_set && n.error == 'n') {
                n.error = s.actors[a].reason;
                n.armed = false;
                tasks[i].error_set = true;
            } else if (!now.error_set && !s.settled(now.node)) {
                continue;
            } else {
                tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(i));
                if (now.error_set) {
                    n.closed = true;
                    for (std::size_t c = 0; c < s.nodes.size(); ++c)
                        if (s.nodes[c].parent == now.node)
                            tasks.push_back({static_cast<int>(c)});
                }
            }
            explore(s);
            moved = true;
        }
        return moved;
    }

    bool fire(state const& before) {
        bool moved = false;
        for (std::size_t n = 0; n < before.nodes.size(); ++n)
            if (before.nodes[n].armed) {
                state s = before;
                s.nodes[n].armed = false;
                s.actors.back().tasks = {{static_cast<int>(n)}};
                explore(s);
                moved = true;
            }
        return moved;
    }

    bool operate(state const& before, std::size_t f) {
        if (before.actors[f].next == p_[f].size())
            return false;
        auto const& op = p_[f][before.actors[f].next];
        state s = before;
        actor& me = s.actors[f];
        int const at = s.slot[op.slot];
        node const none{background};
        node const& n = at != background ? s.nodes[static_cast<std::size_t>(at)] : none;
        switch (op.what) {
        case kind::derive:
            derive(s, me, op);
            explore(s);
            return true;
        case kind::cancel:
        case kind::stop:
            return begin_and_end(s, me, op.what == kind::stop, at);
        case kind::drop:
            s.slot[op.slot] = background;
            return finish(s, me, "");
        case kind::error:
            return finish(s, me, {n.error});
        case kind::done:
            return finish(s, me, n.closed ? "x" : "-");
        case kind::token:
            return finish(s, me, n.error != 'n' ? "1" : "0");
        case kind::await:
        case kind::watch:
            return wait_for(s, me, op.what == kind::await, at);
        }
        return false;
    }

    // Takes the handle, then waits.
    bool wait_for(state& s, actor& me, bool for_done, int at) {
        if (me.step == 0) {
            me.made = at;
            me.step = 1;
            explore(s);
            return true;
        }
        if (me.made == background)
            return false;
        node const& n = s.nodes[static_cast<std::size_t>(me.made)];
        return (for_done ? n.closed : n.error != 'n') && finish(s, me, {n.error});
    }

    bool finish(state& s, actor& me, std::string const& result) {
        me.results += result;
        me.step = 0;
        me.made = background;
        ++me.next;
        explore(s);
        return true;
    }

    // Begins a cancel: adds its tasks. Ends it when no task is left.
    bool begin_and_end(state& s, actor& me, bool stop, int at) {
        if (me.step == 1)
            return finish(s, me, "!");
        if (stop && s.stopped)
            return finish(s, me, "x");
        me.step = 1;
        me.reason = 'c';
        if (stop) {
            s.stopped = true;
            for (std::size_t i = 0; i < s.nodes.size(); ++i)
                if (s.nodes[i].follows)
                    me.tasks.push_back({static_cast<int>(i)});
        } else if (at != background) {
            me.tasks = {{at}};
        }
        explore(s);
        return true;
    }

    static void derive(state& s, actor& me, context_operation const& op) {
        if (me.step == 0) { // is added to its parent, or cancelled if the parent is
            int const parent = s.slot[op.parent];
            me.made = static_cast<int>(s.nodes.size());
            s.nodes.push_back({parent});
            me.reason = parent != background ? s.nodes[static_cast<std::size_t>(parent)].error : 'n';
            s.nodes.back().joined = me.reason == 'n';
            if (me.reason != 'n')
                me.tasks = {{me.made}};
            me.step = 1;
            return;
        }
        node& made = s.nodes[static_cast<std::size_t>(me.made)];
        if (me.step == 1) {
            made.armed = op.also == ended_by::deadline && made.error == 'n';
            made.follows = op.also == ended_by::stop_token;
            me.reason = 'c';
            if (made.follows && s.stopped)
                me.tasks = {{me.made}};
            me.step = 2;
            return;
        }
        s.slot[op.slot] = std::exchange(me.made, background);
        me.step = 0;
        ++me.next;
    }

    context_program const& p_;
    std::set<std::string> seen_;
};

} // namespace

std::set<std::string> all_allowed(context_program const& p) {
    model m(p);
    state first;
    first.slot.fill(background);
    first.actors.resize(p.size() + 1);
    first.actors.back().reason = 't';
    m.explore(first);
    return m.found;
}

} // namespace tests

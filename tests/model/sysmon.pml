/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * sysmon.pml: [sysmon.sleep] and [sysmon.nap] of sched/sysmon.cpp. sysmon sleeps while all machines
 * that have a processor are idle, and must not sleep while one of them runs. It must not sleep
 * without a limit while the poller asks for a check. sysmon takes a long nap while no machine is
 * idle, and must not go on with the nap while one is idle.
 *
 *   here              there
 *   machine           sleep(), regain(), hand_off(), park_spare() and similar sleeps: how a machine
 *                     leaves the idle list, and where it is then
 *   ensure_awake      sysmon::ensure_awake
 *   machine_idle      sysmon::machine_idle
 *   agent             netpoller::ensure_watched, of an agent without a processor
 *   watch             sysmon::watch, sleep_until_a_machine_wakes, nap
 *   stop              sysmon::stop
 *
 * Counts and lists change by read-modify-writes, and their readers pass full fences, so
 * interleaving is enough.
 *
 * MACHINES is at most 3. With CHECKS, agents ask for a check.
 *
 * LOOK_FIRST        sysmon checks the machines before it stores that it sleeps
 * SILENT_REGAIN     a machine that takes a processor does not wake sysmon
 * SILENT_SPARE      a machine that slept as a spare, was given an idle processor and is woken, does
 *                   not wake sysmon
 * STORE_AT_END      sysmon, awake again, stores `watching` without a comparison
 * NAP_AT_ONCE       sysmon does not check for idle machines after it has stored that it takes a long
 *                   nap
 * SILENT_AGENT      an agent without a processor asks for a check, and does not wake sysmon
 * CHECK_FIRST       sysmon reads the time of the next check before it has seen the machines idle
 * SILENT_IDLE       a machine that becomes idle does not wake sysmon
 */
#define MOST_MACHINES 3
#define PROCESSORS 1

mtype:what = { watching, asleep, stopping, long_nap };
mtype:what state = watching;
byte idle;                    /* on the idle list */
bool listed[MOST_MACHINES], has[MOST_MACHINES], spare[MOST_MACHINES], woken[MOST_MACHINES];
bool sysmon_sleeps, sysmon_naps;
bool check_asked, sleep_has_limit;
byte injections = 3;

inline ensure_awake() {
    if
    :: state == asleep ->
        if :: atomic { state == asleep -> state = watching } :: state != asleep fi
    :: state != asleep
    fi
}

inline machine_idle() {
#ifndef SILENT_IDLE
    if
    :: state == long_nap ->
        if :: atomic { state == long_nap -> state = watching } :: state != long_nap fi
    :: state != long_nap
    fi
#else
    skip
#endif
}

/* Sets x to the first machine on the list, or to MACHINES if the list is empty. It is a macro because
 * an inline of spin takes no array by name. */
#define take(list) x = (list[0] -> 0 : (list[1] -> 1 : (list[2] -> 2 : MACHINES)))

/* A remote caller that publishes, or wake_one() of any machine. */
proctype publisher() {
    byte x;
end:
    do
    :: atomic { injections > 0 && idle > 0 -> injections--;
           take(listed);
           listed[x] = false; idle--; woken[x] = true; x = 0 }
    od
}

proctype machine(byte me) {
    byte x;
    if :: has[me] -> goto runs :: else fi;
is_spare: /* park_spare, machine_main, send_to_pinned */
    spare[me] = true;
end_spare:
    atomic { woken[me] -> woken[me] = false };
#ifndef SILENT_SPARE
    ensure_awake();
#endif
runs:
    if
#ifdef CHECKS
    :: atomic { !check_asked -> check_asked = true }; /* an agent with this processor */
       goto runs
#endif
    :: atomic { listed[me] = true; idle++ }; /* sleep */
       machine_idle();
end_idle:
       atomic { woken[me] -> woken[me] = false };
       ensure_awake();
       goto runs
    :: atomic { spare[0] || spare[1] || spare[2] -> take(spare); spare[x] = false; has[x] = true; has[me] = false };
       /* hand_off */
       if
       :: woken[x] = true /* there is work */
       :: atomic { listed[x] = true; idle++ };
          machine_idle()
       fi;
       x = 0;
       if
       :: atomic { idle > 0 -> take(listed); listed[x] = false; idle--; has[x] = false; has[me] = true; spare[x] = true };
          x = 0; /* regain */
#ifndef SILENT_REGAIN
          ensure_awake();
#endif
          goto runs
       :: x = 0; goto is_spare
       fi
    :: skip
    fi;
end_stuck: /* in the kernel, with the processor: sysmon may retake it */
    false
}

#ifdef CHECKS
active proctype agent() {
    if
    :: atomic { !check_asked -> check_asked = true };
#ifndef SILENT_AGENT
       ensure_awake()
#endif
    :: true
    fi
}
#endif

active proctype watch() {
    bool all_idle, any_idle;
    do
    :: state == stopping -> break
    :: state == watching && idle == 0 ->
        if
        :: atomic { state == watching -> state = long_nap }
        :: state == stopping -> break
        fi;
#ifndef NAP_AT_ONCE
        any_idle = (idle > 0);
#endif
        if
        :: !any_idle -> sysmon_naps = true; state != long_nap; sysmon_naps = false
        :: else
        fi;
        if :: atomic { state == long_nap -> state = watching } :: state != long_nap fi
    :: state == watching && idle >= PROCESSORS ->
#ifdef LOOK_FIRST
        all_idle = (idle >= PROCESSORS);
#endif
        if
        :: atomic { state == watching -> state = asleep }
        :: state == stopping -> break
        fi;
#ifdef CHECK_FIRST
        sleep_has_limit = check_asked;
#endif
#ifndef LOOK_FIRST
        all_idle = (idle >= PROCESSORS);
#endif
#ifndef CHECK_FIRST
        sleep_has_limit = check_asked;
#endif
        if
        :: all_idle -> sysmon_sleeps = true; state != asleep; sysmon_sleeps = false
        :: else
        fi;
#ifdef STORE_AT_END
        state = watching
#else
        if :: atomic { state == asleep -> state = watching } :: state != asleep fi
#endif
    od;
}

init {
    byte i;
    atomic {
        has[0] = true;
        for (i : 0 .. MACHINES - 1) { run machine(i) }
        run publisher()
    }
    if
    :: true -> timeout; assert(!(sysmon_sleeps && idle < PROCESSORS)); assert(!(sysmon_naps && idle > 0));
       assert(!(sysmon_sleeps && check_asked && !sleep_has_limit))
    :: true
    fi;
    state = stopping
}

# The steps of a lifecycle, as shell functions. A job sources this file, calls `begin`, then `step` for each step,
# then `finish ok`. A step that fails sets $why and ends the job.

tell() { echo "@@$*" >&3; }
clock() { read -r up rest </proc/uptime; ms=${up%.*}${up#*.}0; }
domid() { xl domid "$name" 2>/dev/null; }
toolstack() { echo "> xl $*" >>"$said"; timeout "$limit" xl "$@" >>"$said" 2>&1; }

# begin NAME KIND VCPUS CMDLINE
begin() {
    name=$1 kind=$2 vcpus=$3 words=$4
    log=/var/log/xen/guest-$name.log said=/tmp/$name.said image=/tmp/$name.image checkpoint=/tmp/$name.checkpoint
    typed=/tmp/$name.typed cursor=0 pokes=0 why=
    peer=$name-peer peer_log=/var/log/xen/guest-$name-peer.log peers=0 greeter=
    { common; $kind; } >"/tmp/$name.cfg"
    clock; began=$ms
    tell "start $name"
}

# The configuration of the guest that obeys it: of whatever kind it is itself, this one needs no device model.
peer_config() { (name=$peer kind=pvh vcpus=1 words=role=peer && common | sed 's/^on_crash=.*/on_crash="destroy"/'); }

# The domain's configuration: what is the same for all, and what each kind has of its own. Many processors on few
# emulated ones come together late.
common() {
    cat <<-CFG
	name="$name"
	type="$kind"
	memory=8
	vcpus=$vcpus
	kernel="/rig/guest"
	cmdline="rendezvous_ms=20000 $words"
	tsc_mode="$TSC_MODE"
	on_crash="preserve"
	on_reboot="restart"
	CFG
}

pvh() { :; }

# The guest takes the place of the firmware, which is entered as a PVH guest is. The device model is given it too, for
# the command line that comes with it. A disk and a network card are emulated for the guest to unplug.
hvm() {
    truncate -s 1M "/tmp/$name.disk"
    cat <<-CFG
	firmware_override="/rig/guest"
	disk=["format=raw,vdev=hda,access=rw,backendtype=qdisk,target=/tmp/$name.disk"]
	device_model_args_hvm=["-device", "rtl8139,romfile="]
	vga="none"
	vnc=0
	CFG
}

# step INDEX LIMIT FUNCTION ARGUMENT...
step() {
    index=$1 limit=$2
    shift 2
    clock; from=$ms until=$((ms + limit * 1000))
    tell "begin $name $index"
    why=
    "$@" && no_complaint
    result=$?
    clock
    [ $result = 0 ] && { tell "step $name $index $((ms - from)) ok"; return; }
    tell "step $name $index $((ms - from)) fail ${why:-$1}"
    finish fail
    exit 1
}

# How the domain's processors stand: Xen tells it twice on its own console; registers, stacks and local APICs go to our log.
examine() {
    for key in q e v q v; do
        xl debug-keys "$key"
        sleep 1
    done
    xenctx -a -C -t -l 60 -k 0x1000 "$(domid)" 2>&1 | grep -v '\[<' | sed 's/^/cpus: /'
    xen-hvmctx "$(domid)" 2>&1 | sed 's/^/cpus: /'
}

# finish ok|fail: hand over what was said but for the load, and leave nothing behind.
finish() {
    [ "$1" = fail ] && {
        domid >/dev/null && examine
        { cat "$said" "/var/log/xen/xl-$name.log"; cat "/var/log/xen/qemu-dm-$name.log" 2>/dev/null; xl list; } 2>&1 | grep -v '^xc: progress' |
            while read -r line; do tell "xl $name $line"; done
        [ $peers = 0 ] || tail -n 20 "$peer_log" | tr -d '\r' | while read -r line; do tell "xl $name peer: $line"; done
    }
    [ -z "$greeter" ] || kill "$greeter" 2>/dev/null
    [ $peers = 0 ] || xl destroy "$peer" >/dev/null 2>&1
    domid >/dev/null && xl destroy "$name" >/dev/null 2>&1
    [ -f "$log" ] && grep -v '^load ' "$log" | tr -d '\r' | tail -n 3000 |
        while IFS= read -r line; do tell "console $name $line"; done
    rm -f "$image" "$checkpoint" "$typed" "/tmp/$name.disk" "/tmp/$name.hoard"
    clock
    tell "done $name $((ms - began)) $1"
}

# listen FROM EVENT WORD...: the number of the first such line after line FROM, or the guest's complaint. A line that
# has no end yet is not looked at.
listen() {
    [ -f "$log" ] || return
    after=$1
    shift
    awk -v after="$after" -v upto="$(wc -l <"$log")" -v want="$*" -f /rig/listen.awk "$log"
}

no_complaint() {
    heard=$(listen 0 FAIL)
    [ -z "$heard" ] || { why="the guest complains: $heard"; return 1; }
    heard=$(log=$peer_log && listen 0 FAIL)
    [ -z "$heard" ] || { why="the peer complains: $heard"; return 1; }
}

late() { clock; [ "$ms" -gt "$until" ]; }

# poll COMMAND...: repeats it until it succeeds or the step's time is over.
poll() {
    until "$@"; do
        late && return 1
        sleep 0.1
    done
}

create() {
    toolstack create -q "/tmp/$name.cfg" || { why="xl create: status $?"; return 1; }
    comes_up
}

peer_domid() { xl domid "$peer" 2>/dev/null; }
is_ready() { [ -n "$(log=$peer_log && listen "$mark" ready)" ]; }
peer_is_gone() { ! peer_domid >/dev/null; }

# Makes the guest that obeys this one, after the one before it has ended, and tells each of the other.
comes() {
    poll peer_is_gone || { why="the peer before is still there"; return 1; }
    peer_config >"/tmp/$peer.cfg"
    mark=$(cat "$peer_log" 2>/dev/null | wc -l)
    toolstack create -q "/tmp/$peer.cfg" || { why="xl create of the peer: status $?"; return 1; }
    poll is_ready || { why="the peer is not ready"; return 1; }
    peers=$((peers + 1))
    introduce
}

# Tells both guests of each other, if there are two.
introduce() {
    [ $peers = 0 ] && return
    here=$(domid) there=$(peer_domid)
    xenstore-write "/local/domain/$there/data/asker" "$here" "/local/domain/$here/data/peer" "$there $peers" >>"$said" 2>&1 ||
        { why="the guests cannot be told of each other"; return 1; }
}

# A guest that begins: one with emulated devices meets them, and unplugs them.
comes_up() {
    case $kind in hvm) says platform disks=1 nics=1 && unplugged || return 1 ;; esac
    says ready vcpus="$vcpus"
}

unplugged() { case $kind in hvm) says unplugged disks=0 nics=0 ;; esac }

says() {
    polls=0 absent=0
    while :; do
        heard=$(listen "$cursor" "$@")
        case $heard in
        xen-guest:*) why="the guest complains: $heard"; return 1 ;;
        ?*) cursor=$heard; return 0 ;;
        esac
        why="not said after line $cursor: $*"
        late && return 1
        polls=$((polls + 1))
        [ $((polls % 10)) = 0 ] && ! may_speak && return 1
        sleep 0.1
    done
}

# Whether the domain can still say something. Between the two lives of a rebooting one there is none for a moment.
may_speak() {
    case $(state) in
    ---sc*) why="the domain crashed; $why"; return 1 ;;
    ?*) absent=0 ;;
    *) absent=$((absent + 1)) ;;
    esac
    [ $absent -lt 5 ] || { why="the domain is gone; $why"; return 1; }
}

never_says() {
    heard=$(listen 0 "$1")
    [ -z "$heard" ] || { why="said in line $heard: $1"; return 1; }
}

alive() {
    mark=$cursor cursor=$(wc -l <"$log")
    says tick cpus="$vcpus" && says tick
    result=$?
    cursor=$mark
    return $result
}

same_domain() {
    now=$(domid)
    [ "$now" = "$1" ] || { why="domain $1 is now ${now:-gone}"; return 1; }
}

other_domain() {
    now=$(domid)
    [ -n "$now" ] && [ "$now" != "$1" ] || { why="domain $1 is now ${now:-gone}"; return 1; }
}

restore() {
    toolstack restore "$1" || { why="xl restore: status $?"; return 1; }
    introduce && unplugged
}

checkpoint() {
    was=$(domid)
    toolstack save -c "$name" "$checkpoint" || { why="xl save -c: status $?"; return 1; }
    same_domain "$was"
}

save_restore() {
    was=$(domid)
    toolstack save "$name" "$image" || { why="xl save: status $?"; return 1; }
    domid >/dev/null && { why="the saved domain is still there"; return 1; }
    restore "$image" && rm -f "$image" && other_domain "$was"
}

# The disk that has the domain's name for its serial number.
own_disk() {
    for disk in $(ls /sys/block); do
        [ "$(cat "/sys/block/$disk/serial" 2>/dev/null)" = "$name" ] && [ -b "/dev/$disk" ] && return
    done
    return 1
}

# A disk of the machine's as the image: what is saved there can be restored by another machine.
use_disk() {
    while read -r module; do
        insmod "/lib/modules/$module" >>"$said" 2>&1 # fails for one that is there already
    done </lib/modules/disk.order
    poll own_disk || { why="no disk"; return 1; }
    ln -sf "/dev/$disk" "$image"
}

save_away() {
    use_disk || return 1
    toolstack save "$name" "$image" || { why="xl save: status $?"; return 1; }
    domid >/dev/null && { why="the saved domain is still there"; return 1; }
    sync
}

restore_here() {
    use_disk && restore "$image"
}

migrate() {
    was=$(domid)
    # The console daemon names its file after the domain, which has another name while it comes in.
    ln -sf "${log##*/}" "/var/log/xen/guest-$name--incoming.log"
    toolstack migrate -s '' "$name" 'xl migrate-receive' || { why="xl migrate: status $?"; return 1; }
    other_domain "$was" && introduce && unplugged
}

restore_checkpoint() {
    was=$(domid)
    toolstack destroy "$name" || { why="xl destroy: status $?"; return 1; }
    restore "$checkpoint" && other_domain "$was"
}

# cannot_save FILE: a save that xl itself gives up, and after which the same domain goes on.
cannot_save() {
    was=$(domid)
    toolstack save "$name" "$1"
    status=$?
    case $status in
    0) why="xl save succeeded" ;;
    124 | 137 | 143) why="xl save hangs" ;;
    *) same_domain "$was"; return ;;
    esac
    return 1
}

save_fails() {
    cannot_save "$image" && rm -f "$image"
}

# The file system takes the image's head; it is full when memory follows, with the guest suspended.
save_out_of_space() {
    small=/tmp/$name.small
    mkdir -p "$small"
    mount -t tmpfs -o size=256k tmpfs "$small" || { why="no tmpfs"; return 1; }
    cannot_save "$small/image"
    result=$?
    umount "$small"
    return $result
}

in_place() { /rig/in-place "$1" "$was" >>"$said" 2>&1 || { why="in-place $1: status $?"; return 1; }; }

suspends() {
    poll is_suspended || { why="the domain does not suspend: $(state)"; return 1; }
}

# Asks as libxl does, then lets the domain go on as no `xl` does.
slow_resume() {
    was=$(domid)
    word suspend && node_is "" && suspends && in_place resume && same_domain "$was"
}

# Sees the domain stand still for longer than a tick takes. What the guest said before does not count from here on.
is_silent() {
    sleep 0.5
    cursor=$(wc -l <"$log")
    sleep 2
    [ "$(wc -l <"$log")" = "$cursor" ] || { why="it speaks"; return 1; }
}

pause_here() {
    was=$(domid)
    toolstack pause "$name" || { why="xl pause: status $?"; return 1; }
    is_silent || return 1
    toolstack unpause "$name" || { why="xl unpause: status $?"; return 1; }
    same_domain "$was"
}

freeze() {
    was=$(domid)
    in_place freeze && suspends && is_silent
}

freeze_here() { freeze && in_place resume && same_domain "$was"; }

# libxl asks every PVH guest. This one cannot hear: somebody else acknowledges, and libxl finds it suspended.
freeze_move() {
    freeze || return 1
    { poll node_holds suspend && word ""; } &
    toolstack save "$name" "$image" || { why="xl save: status $?"; return 1; }
    wait $!
    restore "$image" && rm -f "$image" && other_domain "$was"
}

sum() { cat >"/tmp/$name.sum"; echo "bytes=$(wc -c <"/tmp/$name.sum") sum=$(crc32 <"/tmp/$name.sum")"; rm "/tmp/$name.sum"; }

# The terminal that the console daemon has made for the domain.
has_terminal() {
    terminal=$(xenstore-read "/local/domain/$(domid)/console/tty" 2>/dev/null)
    [ -c "$terminal" ]
}

# type_in BYTES: what the daemon and the ring do not take at once, the terminal keeps.
type_in() {
    poll has_terminal || { why="no terminal"; return 1; }
    { base64 -w 0 /dev/urandom | head -c "$1" | tee -a "$typed" >"$terminal"; } 2>>"$said"
}

# Wherever it was said: the number of bytes is never the same twice.
has_heard() { [ -n "$(listen 0 heard $all)" ]; }

heard_all() {
    all=$(sum <"$typed")
    poll has_heard || { why="not heard: $all"; return 1; }
}

loaded() {
    says load || return 1
    written=$(sed -n "${cursor}p" "$log")
    came=$(grep '^load ' "$log" | tr -d '\r' | sum)
    case "$written " in
    *' amid=0 '*) why="no suspend came amid it" ;;
    *" $came "*) return 0 ;;
    *) why="$came came, $written" ;;
    esac
    return 1
}

are_there() { [ "$(xenstore-read "/local/domain/$(domid)/data/devices" 2>/dev/null)" = "$1" ]; }

# Makes backends for so many devices of each kind, and the frontends' nodes. They greet in the background until the guest is done.
devices() {
    /rig/devices "$(domid)" "$1" >>"$said" 2>&1 &
    greeter=$!
    poll are_there "$1" || { why="no backends"; return 1; }
    says devices result=ok
}

# A line for each node in the groups of the guest's hoard, by the order of names: `GROUP/NUMBER VALUE PERMISSION,...`.
hoard() {
    at=/local/domain/$(domid)/data/hoard
    xenstore-ls -f -p "$at" | sed -n "s|^$at/\([0-9]*/[0-9]*\) = \"\(.*\)\"[ .]*(\(.*\))\$|\1 \2 \3|p" | sort
}

hoarded() {
    said_last=$(sed -n "${cursor}p" "$log" | tr -d '\r')
    hoard >"/tmp/$name.hoard" 2>>"$said"
    held="nodes=$(wc -l <"/tmp/$name.hoard") $(sum <"/tmp/$name.hoard")"
    case $said_last in *" $held") return 0 ;; esac
    sed -n 1,8p "/tmp/$name.hoard" >>"$said"
    why="there are $held; $said_last"
    return 1
}

# Writes another word to all groups of the hoard at once.
poke() {
    now=$(domid) pokes=$((pokes + 1)) group=0
    set --
    while [ $group -lt 64 ]; do
        set -- "$@" "$(printf '/local/domain/%d/data/hoard/%02d' "$now" $group)" "p$pokes"
        group=$((group + 1))
    done
    xenstore-write "$@" >>"$said" 2>&1 || { why="xenstore-write: status $?"; return 1; }
    says poked word="p$pokes" fired=64 events=64
}

grants_are_told() { xl dmesg | grep -q 'gnttab_usage_print_all.*done'; }

# Domains that have ended, but of which somebody holds something.
undead() { xl list | grep -c '(null)'; }
all_are_buried() { [ "$(undead)" = 0 ]; }

# What Xen says that the domain holds, and its peer. The rig compares; the hypervisor's own console has it all the same.
census() {
    poll all_are_buried || { why="$(undead) domains that have ended are held"; return 1; }
    held_by domain "$(domid)" && { [ $peers = 0 ] || held_by peer "$(peer_domid)"; }
}

# What the daemon counts of the domain's: that in C nodes, watches and transactions, that in OCaml nodes alone, and it lists watches.
stored_by() {
    xenstore-control quota "$1"
    case $XENSTORED in ocaml) echo "watches : $(xenstore-control watches | grep -c "^watch D$1: ")" ;; esac
}

held_by() {
    tell "census $name $1 $2"
    lsevtchn "$2" | while IFS= read -r line; do tell "census $name port $line"; done
    xl dmesg -c >/dev/null && xl debug-keys g && poll grants_are_told || { why="Xen does not tell of grants"; return 1; }
    xl dmesg | grep '[][]\|grant\|frames' | while IFS= read -r line; do tell "census $name grant $line"; done
    stored_by "$2" 2>&1 | while IFS= read -r line; do tell "census $name store $line"; done
    tell "census $name free $(xl info | awk '$1 == "free_memory" { print $3 }')"
}

# What xl tells of the domain: six letters, the fourth for a domain that has shut down, the fifth for why.
state() { xl list "$name" 2>/dev/null | awk 'NR == 2 { print $5 }'; }

is_suspended() { case $(state) in ---ss*) ;; *) return 1 ;; esac; }

# xl leaves a process behind that ends or restarts a domain that shuts down. It goes away when it sees a domain
# suspended, also one that a checkpoint or a failed save lets go on. From then on that work is ours.
watched() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\000' ' ' | grep -qE "xl (create|restore)( -q)? /tmp/$name\\."; }

is_gone() {
    domid >/dev/null || return 0
    case $(state) in
    ---s-*) watched || { toolstack destroy "$name"; ! domid >/dev/null; } ;;
    *) return 1 ;;
    esac
}

is_rebooted() {
    other_domain "$1" && return
    case $(state) in
    ---sr*) watched || { toolstack destroy "$name" && toolstack create -q "/tmp/$name.cfg"; } ;;
    esac
    return 1
}

shutdown_node() { echo "/local/domain/$(domid)/control/shutdown"; }
node_holds() { [ "$(xenstore-read "$(shutdown_node)" 2>/dev/null)" = "$1" ]; }
word() { xenstore-write "$(shutdown_node)" "$1" >>"$said" 2>&1 || { why="xenstore-write failed"; return 1; }; }

node_is() {
    poll node_holds "$1" || { why="control/shutdown never held '$1'"; return 1; }
}

gone() {
    poll is_gone || { why="the domain is still there"; return 1; }
}

power_off() {
    toolstack shutdown -w "$name" || { why="xl shutdown -w: status $?"; return 1; }
    gone
}

reboot_it() {
    was=$(domid)
    toolstack reboot "$name" || { why="xl reboot: status $?"; return 1; }
    poll is_rebooted "$was" || return 1
    comes_up
}

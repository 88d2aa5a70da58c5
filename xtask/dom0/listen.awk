# Prints the number of the first line between `after` and `upto` that the guest said of the event and with the words of
# `want`. A complaint of the guest met before is printed whole instead.
BEGIN { wanted = split(want, word, " ") }
NR > upto { exit }
{ gsub(/\r/, "") }
$1 != "xen-guest:" { next }
$2 == "FAIL" { print; exit }
NR <= after || $2 != word[1] { next }
{
    for (i = 2; i <= wanted; i++) {
        held = 0
        for (f = 3; f <= NF; f++) if ($f == word[i]) held = 1
        if (!held) next
    }
    print NR
    exit
}

<?php
declare(strict_types=1);

namespace cohortstream_setup;

/** What the run says and counts. A change happens inside it, so that a dry run cannot make one by accident. */
final class journal {
    /** Changes made; in a dry run, changes that would be made. */
    public int $changes = 0;
    /** Checks that failed. */
    public int $faults = 0;

    public function __construct(public readonly bool $dry) {
    }

    /** Opens a step. $page names the page in Moodle's administration menu, $rest what is chosen there. */
    public function step(string $title, string $page = '', string $rest = ''): void {
        echo "\n$title\n";
        if ($page !== '') {
            $found = admin_get_root(false, false)->locate($page, true);
            // The root calls itself otherwise than the menu does.
            $path = $found ? [get_string('administrationsite'), ...array_slice(array_reverse($found->visiblepath), 1)] : [$page];
            echo '    by hand: ', implode(' > ', $rest === '' ? $path : [...$path, $rest]), "\n";
        }
    }

    /** Does one change and gives its result; in a dry run only names it, and gives null. */
    public function change(string $what, callable $do): mixed {
        $this->changes++;
        echo $this->dry ? "  ~ would $what\n" : "  + $what\n";
        return $this->dry ? null : $do();
    }

    /** Something that is as it should be. */
    public function right(string $what): void {
        echo "  = $what\n";
    }

    /** Something that a person should know, and that this script must not decide. */
    public function note(string $what): void {
        echo "  ! $what\n";
    }

    /** Something that keeps the product from working. */
    public function fault(string $what): void {
        $this->faults++;
        echo "  X $what\n";
    }
}

/** Stops with a sentence for the person at the keyboard. */
function fail(string $message): never {
    fwrite(STDERR, "FAILED: $message\n");
    exit(1);
}

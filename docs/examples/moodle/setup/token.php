<?php
declare(strict_types=1);

namespace cohortstream_setup;

use context_system;
use stdClass;
use webservice;

/** The token: made once, shown once or kept in a file that only its owner can read. */
final class token {
    /** Whether the token works from some addresses only, this server's perhaps not among them. */
    public bool $bound = false;

    public function __construct(private journal $journal, private options $options) {
    }

    /**
     * By hand: Site administration > Server > Web services > Manage tokens > Create token.
     *
     * @return string|null the token; null in a dry run that would make one
     */
    public function prepare(?stdClass $service, ?stdClass $user): ?string {
        global $DB;
        $this->journal->step('The token', 'webservicetokens', get_string('createtoken', 'webservice'));
        $known = ['externalserviceid' => $service->id ?? 0, 'userid' => $user->id ?? 0, 'tokentype' => EXTERNAL_TOKEN_PERMANENT];
        $held = $DB->get_records('external_tokens', $known, 'timecreated DESC, id DESC');
        $usable = array_filter($held, fn($row) => !$row->validuntil || $row->validuntil >= time());
        $newest = reset($usable) ?: null;
        if ($newest !== null && !$this->options->rotate_token) {
            $this->journal->right('there is one, ' . self::describe($newest));
            $this->limit($newest);
            $this->bound = $this->options->ip !== '' || (string) $newest->iprestriction !== '';
            $this->keep($newest->token, false);
            if (count($usable) > 1) {
                $this->journal->note(count($usable) . ' tokens work; --rotate-token leaves one');
            }
            return $newest->token;
        }
        $this->bound = $this->options->ip !== '';
        $token = $this->journal->change($newest ? 'make a new one' : 'make one', fn() => $this->create($service, $user));
        $this->keep($token, true);
        // The new one is kept first: whoever is interrupted here holds two tokens that work, not none.
        foreach ($held as $old) {
            $this->journal->change('delete the one ' . self::describe($old), fn() => (new webservice())->delete_user_ws_token($old->id));
        }
        return $token;
    }

    private function create(stdClass $service, stdClass $user): string {
        global $DB;
        $token = \core_external\util::generate_token(EXTERNAL_TOKEN_PERMANENT, $service, (int) $user->id, context_system::instance(),
            $this->options->token_end(), $this->options->ip);
        $row = $DB->get_record('external_tokens', ['token' => $token], '*', MUST_EXIST);
        \core\event\webservice_token_created::create(
            ['objectid' => $row->id, 'relateduserid' => $user->id, 'other' => ['auto' => false]])->trigger();
        return $token;
    }

    private static function describe(stdClass $row): string {
        $until = $row->validuntil ? 'valid until ' . gmdate('Y-m-d', (int) $row->validuntil) : 'without an end';
        return 'of ' . gmdate('Y-m-d H:i', (int) $row->timecreated) . " UTC, $until"
            . (empty($row->iprestriction) ? '' : ", from $row->iprestriction only");
    }

    /** Brings end and addresses of a token that exists to what was asked for; what was not asked for stays. */
    private function limit(stdClass $row): void {
        global $DB;
        $wrong = [];
        if ($this->options->valid_until !== '' && (int) $row->validuntil !== $this->options->token_end()) {
            $wrong['validuntil'] = $this->options->token_end();
        }
        if ($this->options->ip !== '' && (string) $row->iprestriction !== $this->options->ip) {
            $wrong['iprestriction'] = $this->options->ip;
        }
        foreach ($wrong as $column => $value) {
            $shown = $column === 'validuntil' ? $this->options->valid_until : $value;
            $this->journal->change("set its $column to $shown", fn() => $DB->set_field('external_tokens', $column, $value, ['id' => $row->id]));
        }
    }

    private function keep(?string $token, bool $new): void {
        $file = $this->options->token_file;
        if ($file === '') {
            if ($new && $token !== null) {
                echo "\n    $token\n\n    This is shown once. Whoever has it can change cohorts: keep it like a password.\n";
            }
            return;
        }
        $content = "$token\n";
        clearstatcache();
        if ($token !== null && is_file($file) && file_get_contents($file) === $content && (fileperms($file) & 0777) === 0600) {
            $this->journal->right("$file holds it, mode 0600");
            return;
        }
        $this->journal->change("write it to $file, mode 0600", function () use ($file, $content): void {
            $previous = umask(0077);
            // Beside and renamed: a reader sees the old token or the new one, never half of it.
            $done = file_put_contents("$file.new", $content) === strlen($content) && chmod("$file.new", 0600)
                && rename("$file.new", $file);
            umask($previous);
            if (!$done) {
                fail("cannot write $file; the token exists in Moodle, run again with another --token-file");
            }
        });
    }
}

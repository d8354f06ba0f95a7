<?php
declare(strict_types=1);

namespace cohortstream_setup;

const HELP = <<<'TEXT'
Sets up Moodle's side for cohortstream. Safe to run again: what is right already stays as it is.

  php setup.php --field=SHORTNAME [options]

  --field=SHORTNAME      custom profile field that holds the student number
  --match=KIND           how students are found: profile (default), idnumber, username, email
  --moodle=PATH          Moodle's folder (default: this folder or one above it)
  --user=NAME            service user (default cohortstream); made if missing
  --email=ADDRESS        e-mail address of a service user that is made
  --profile=FIELD:VALUE  value of a required profile field of the service user; may be repeated
  --category=IDNUMBER    write to cohorts of this course category only, not site-wide; may be repeated
  --no-create            cohorts are made by somebody else: leave out the right to create them
  --name-search          allow searching users by name: the slow way to the profile field, without the report
  --token-file=PATH      keep the token there (mode 0600) instead of printing a new one
  --rotate-token         make a new token and delete the old ones
  --valid-until=DAY      last day of the token (YYYY-MM-DD, UTC); default: no end
  --ip=LIST              addresses the token may be used from, as in 192.0.2.7,198.51.100.0/24
  --no-verify            do not call the web service at the end
  --dry-run              show what would change, change nothing

Exit status: 0 all is right, 1 something failed, 2 with --dry-run: something would change.

TEXT;

/** The command line, checked as a whole. */
final class options {
    public string $field = '';
    public string $match = 'profile';
    public string $moodle = '';
    public string $user = 'cohortstream';
    public string $email = '';
    /** @var string[] FIELD:VALUE */
    public array $profile = [];
    /** @var string[] ID numbers of course categories */
    public array $category = [];
    public bool $no_create = false;
    public bool $name_search = false;
    public string $token_file = '';
    public bool $rotate_token = false;
    public string $valid_until = '';
    public string $ip = '';
    public bool $no_verify = false;
    public bool $dry_run = false;

    /** @param string[] $arguments without the program's name */
    public function __construct(array $arguments) {
        foreach ($arguments as $argument) {
            $this->read($argument);
        }
        if (!in_array($this->match, ['profile', 'idnumber', 'username', 'email'], true)) {
            fail('--match is one of profile, idnumber, username, email');
        } else if ($this->by_profile() !== ($this->field !== '')) {
            fail('--field=SHORTNAME goes with --match=profile, and only with it; --help shows all options');
        } else if ($this->valid_until !== '' && gmdate('Y-m-d', $this->token_end()) !== $this->valid_until) {
            fail('--valid-until is a day like 2027-09-30');
        } else if ($this->valid_until !== '' && $this->token_end() < time()) {
            fail("--valid-until=$this->valid_until is over");
        }
    }

    private function read(string $argument): void {
        if (in_array($argument, ['--help', '-h'], true)) {
            echo HELP;
            exit(0);
        }
        [$name, $value] = explode('=', $argument, 2) + [1 => null];
        $key = str_replace('-', '_', substr($name, 2));
        if (!str_starts_with($name, '--') || !property_exists($this, $key)) {
            fail("unknown option $name; --help lists them");
        } else if (is_bool($this->$key) ? $value !== null : (string) $value === '') {
            fail(is_bool($this->$key) ? "$name takes no value" : "$name needs a value, like $name=...");
        } else if (is_array($this->$key)) {
            $this->$key[] = $value;
        } else {
            $this->$key = $value ?? true;
        }
    }

    /** Whether students are found through a custom profile field, hence through a report. */
    public function by_profile(): bool {
        return $this->match === 'profile';
    }

    /** Last second of the token, seconds since 1970; 0 = no end. */
    public function token_end(): int {
        return $this->valid_until === '' ? 0 : (int) strtotime("$this->valid_until 23:59:59 UTC");
    }
}

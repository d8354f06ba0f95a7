-- A small student system: who is enrolled in which group. It stands for the tables that a real site has already.

CREATE USER sis NO AUTHENTICATION DEFAULT TABLESPACE users QUOTA UNLIMITED ON users;

CREATE TABLE sis.students (
    student_id  NUMBER(10)        CONSTRAINT students_pk PRIMARY KEY,
    student_no  VARCHAR2(12 CHAR) NOT NULL CONSTRAINT students_no_uk UNIQUE,
    last_name   VARCHAR2(60 CHAR) NOT NULL
);

CREATE TABLE sis.study_groups (
    group_code  VARCHAR2(20 CHAR)  NOT NULL,
    term        VARCHAR2(6 CHAR)   NOT NULL,
    title       VARCHAR2(100 CHAR) NOT NULL,
    CONSTRAINT study_groups_pk PRIMARY KEY (group_code, term)
);

CREATE TABLE sis.enrolments (
    enrolment_id  NUMBER(12) GENERATED ALWAYS AS IDENTITY CONSTRAINT enrolments_pk PRIMARY KEY,
    student_id    NUMBER(10)        NOT NULL CONSTRAINT enrolments_student_fk REFERENCES sis.students,
    group_code    VARCHAR2(20 CHAR) NOT NULL,
    term          VARCHAR2(6 CHAR)  NOT NULL,
    status        CHAR(1 CHAR)      DEFAULT 'A' NOT NULL CONSTRAINT enrolments_status_ck CHECK (status IN ('A', 'W')),
    -- In UTC, so that no hour of the year comes twice.
    changed_at    TIMESTAMP(6)      DEFAULT SYS_EXTRACT_UTC(SYSTIMESTAMP) NOT NULL,
    CONSTRAINT enrolments_group_fk FOREIGN KEY (group_code, term) REFERENCES sis.study_groups
);

-- The truth is read by student, the hint by time of change: each wants its index.
CREATE INDEX sis.enrolments_student_ix ON sis.enrolments (student_id);
CREATE INDEX sis.enrolments_changed_ix ON sis.enrolments (changed_at);

CREATE OR REPLACE TRIGGER sis.enrolments_changed
BEFORE UPDATE ON sis.enrolments
FOR EACH ROW
BEGIN
    :NEW.changed_at := SYS_EXTRACT_UTC(SYSTIMESTAMP);
END;
/

-- All that the product may see: numbers and group codes, no names.
CREATE VIEW sis.v_group_members AS
SELECT e.enrolment_id, s.student_no, e.group_code, e.term, g.title, e.status, e.changed_at
  FROM sis.enrolments e
  JOIN sis.students s ON s.student_id = e.student_id
  JOIN sis.study_groups g ON g.group_code = e.group_code AND g.term = e.term;

INSERT INTO sis.students (student_id, student_no, last_name)
SELECT LEVEL, 'S' || LPAD(LEVEL, 6, '0'), 'Student ' || LEVEL FROM dual CONNECT BY LEVEL <= 500;

INSERT INTO sis.study_groups (group_code, term, title)
SELECT 'G' || LPAD(LEVEL, 3, '0'), '2026-1', 'Group ' || LEVEL FROM dual CONNECT BY LEVEL <= 30;

INSERT INTO sis.enrolments (student_id, group_code, term)
SELECT s.student_id, 'G' || LPAD(MOD(s.student_id * 7 + k.n * 11, 30) + 1, 3, '0'), '2026-1'
  FROM sis.students s
 CROSS JOIN (SELECT LEVEL AS n FROM dual CONNECT BY LEVEL <= 4) k;

COMMIT;

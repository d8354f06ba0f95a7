-- A small student system: an owner, a reader with one grant, rows to read.
CREATE USER apogee IDENTIFIED BY apogee;
GRANT CREATE SESSION, RESOURCE, CREATE VIEW TO apogee;
CREATE USER reader IDENTIFIED BY reader;
GRANT CREATE SESSION TO reader;

CREATE TABLE apogee.ins_groupe (
  id         NUMBER(10) PRIMARY KEY,
  cod_etu    CHAR(8) NOT NULL,
  cod_gpe    VARCHAR2(20) NOT NULL,
  tem_actif  CHAR(1) DEFAULT 'O' NOT NULL,
  dat_mod    TIMESTAMP(6) DEFAULT SYSTIMESTAMP
);
CREATE INDEX apogee.ins_groupe_mod ON apogee.ins_groupe (dat_mod);
CREATE SEQUENCE apogee.ins_groupe_seq CACHE 20;
CREATE VIEW apogee.v_groupe (etudiant, groupe, modifie) AS
  SELECT TRIM(cod_etu), cod_gpe, dat_mod FROM apogee.ins_groupe WHERE tem_actif = 'O';

INSERT INTO apogee.ins_groupe (id, cod_etu, cod_gpe) VALUES (apogee.ins_groupe_seq.NEXTVAL, '20260001', 'L1-MATHS-A');
INSERT INTO apogee.ins_groupe (id, cod_etu, cod_gpe) VALUES (apogee.ins_groupe_seq.NEXTVAL, '20260002', 'L1-MATHS-A');

GRANT SELECT ON apogee.v_groupe TO reader;
GRANT SELECT ON sys.v_$transaction TO reader;

"""What the university of the demo teaches: faculties, programmes, courses; and the names of its people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faculty:
    """``code`` is how the student system knows it, ``acronym`` how everybody else does."""

    code: str
    acronym: str
    name: str


@dataclass(frozen=True, slots=True)
class Programme:
    """A subject of a faculty, taught in ``levels`` (L1 is the first year of a bachelor, M1 of a master)."""

    code: str
    faculty: str
    name: str
    levels: tuple[str, ...]
    courses: tuple[str, str, str, str, str]


FACULTIES = (
    Faculty("F1", "SCI", "Faculté des sciences"),
    Faculty("F2", "LET", "Faculté des lettres et langues"),
    Faculty("F3", "DRT", "Faculté de droit"),
    Faculty("F4", "ECO", "École d’économie et de gestion"),
    Faculty("F5", "MED", "Faculté de médecine"),
)

PROGRAMMES = (
    Programme(
        "INF",
        "F1",
        "Informatique",
        ("L1", "L2", "L3", "M1"),
        ("Algorithmique", "Programmation", "Architecture", "Logique", "Anglais scientifique"),
    ),
    Programme(
        "MAT",
        "F1",
        "Mathématiques",
        ("L1", "L2", "L3"),
        ("Analyse", "Algèbre", "Probabilités", "Géométrie", "Anglais scientifique"),
    ),
    Programme(
        "BIO",
        "F1",
        "Sciences de la vie",
        ("L1", "L2", "L3"),
        ("Biologie cellulaire", "Génétique", "Écologie", "Chimie organique", "Statistiques"),
    ),
    Programme(
        "HIS",
        "F2",
        "Histoire",
        ("L1", "L2", "L3"),
        ("Histoire ancienne", "Histoire médiévale", "Histoire moderne", "Historiographie", "Langue vivante"),
    ),
    Programme(
        "LEA",
        "F2",
        "Langues étrangères appliquées",
        ("L1", "L2"),
        ("Anglais", "Español", "Deutsch", "Civilisation", "Traduction"),
    ),
    Programme("PHI", "F2", "Philosophie", ("L1",), ("Métaphysique", "Éthique", "Logique", "Esthétique", "Grec ancien")),
    Programme(
        "DRO",
        "F3",
        "Droit",
        ("L1", "L2", "L3", "M1"),
        ("Droit civil", "Droit constitutionnel", "Droit pénal", "Droit européen", "Anglais juridique"),
    ),
    Programme(
        "ECO",
        "F4",
        "Économie",
        ("L1", "L2", "L3"),
        ("Microéconomie", "Macroéconomie", "Comptabilité", "Statistiques", "Anglais des affaires"),
    ),
    Programme(
        "GES",
        "F4",
        "Gestion",
        ("M1",),
        ("Stratégie", "Finance", "Marketing", "Contrôle de gestion", "Business English"),
    ),
    Programme(
        "PAS",
        "F5",
        "Parcours accès santé",
        ("L1",),
        ("Anatomie", "Biochimie", "Physiologie", "Santé publique", "Option disciplinaire"),
    ),
)

SHARE = {"L1": 3.0, "L2": 2.0, "L3": 1.6, "M1": 0.8}
"""How large a year is beside others."""

_FIRST = """
Adèle Adrien Agnès Aïcha Alba Alexandre Amélie Anna Anouk Antoine Aurélie Bastien Benoît Camille Carla Céline
Chloé Clara Clément Daniel Diego Élise Émile Emma Enzo Estelle Étienne Eva Fatou Félix Florent Gabriel Gaëlle
Giulia Hélène Hugo Inès Ioana Jakob Jeanne Joana Jonas Jules Juliette Karim Katarzyna Léa Lena Léo Lin Loïc
Louise Lucas Lukas Maëlle Malik Manon Marco Maria Marie Mathis Mattéo Mehdi Mila Nadia Nathan Nina Noé Noémie
Océane Olga Oscar Paul Pauline Pedro Quentin Rachid Rémi Romane Salomé Samuel Sara Simon Sofia Søren Théo
Thomas Tomás Valérie Victor Violette William Yanis Yara Zoé
"""

_LAST = """
Almeida André Arnaud Aubert Bailly Barbier Benali Bernard Bertrand Besson Blanc Bonnet Bouvier Boyer Brun
Carpentier Caron Chevalier Colin Costa Da-Silva David Delmas Denis Diallo Dubois Dufour Dumas Dupont Durand
Fabre Fernández Fontaine Fournier Gaillard Garcia Gautier Girard Guérin Haddad Henry Hoffmann Hubert Jansen
Joly Keller Khelifi Kowalski Lacroix Lambert Laurent Leblanc Leclerc Lefèvre Legrand Lemaire Leroy Lopez Lucas
Mallet Marchand Martin Martínez Masson Mercier Meunier Michel Moreau Morel Müller Nguyen Noël Nowak Olivier
Paris Pereira Perrin Petit Picard Popescu Renard Richard Rivière Robert Robin Roche Rossi Rousseau Roux Roy
Sánchez Schmitt Silva Simon Thomas Traoré Vidal Vincent Weber Zimmermann Ødegård
"""

FIRST_NAMES = tuple(_FIRST.split())
LAST_NAMES = tuple(_LAST.split())

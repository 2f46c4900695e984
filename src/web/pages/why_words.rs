//! Texts of the reader's page, in the languages of the label table.

/// The fixed texts of the page in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyWords {
    /// Language of the texts.
    pub language: &'static str,
    /// The page's heading.
    pub heading: &'static str,
    /// Caption of the label.
    pub label: &'static str,
    /// Caption of the advertiser.
    pub shown_by: &'static str,
    /// Caption of the party on whose behalf it is shown.
    pub on_behalf_of: &'static str,
    /// Caption of the party that paid.
    pub paid_by: &'static str,
    /// Caption of the matched topic or entity.
    pub matched: &'static str,
    /// Caption of the site.
    pub site: &'static str,
    /// Caption of the reader's country.
    pub country: &'static str,
    /// Shown if the country is not known.
    pub unknown: &'static str,
    /// Heading of the list of data used.
    pub used: &'static str,
    /// The data used to choose.
    pub used_items: [&'static str; 2],
    /// Heading of the data not used.
    pub not_used: &'static str,
    /// Why the IP address and user agent are stored, and for how long.
    pub fraud: &'static str,
    /// Text of the link to the data map.
    pub data_map: &'static str,
    /// Caption of the decision id.
    pub decision: &'static str,
}

impl WhyWords {
    /// The texts for a language tag such as `de` or `de-AT`; English if there are none.
    pub fn of(language: &str) -> &'static WhyWords {
        let primary = language.split('-').next().unwrap_or_default();
        ALL.iter().find(|words| words.language.eq_ignore_ascii_case(primary)).unwrap_or(&ALL[0])
    }
}

static ALL: [WhyWords; 7] = [
    WhyWords {
        language: "en",
        heading: "Why you saw this",
        label: "Labelled as",
        shown_by: "Advertiser",
        on_behalf_of: "On behalf of",
        paid_by: "Paid by",
        matched: "The page is about",
        site: "Site",
        country: "Your country",
        unknown: "not known",
        used: "Information used to choose it",
        used_items: [
            "the content of the page: topics, names, keywords, language",
            "your region, never more precise than a country",
        ],
        not_used: "Information not used",
        fraud: "To prevent fraud, your IP address and browser name are stored in memory for at most 24 hours. They have no effect on what is shown.",
        data_map: "All stored data, and how long it is kept",
        decision: "Decision",
    },
    WhyWords {
        language: "de",
        heading: "Warum Sie das gesehen haben",
        label: "Gekennzeichnet als",
        shown_by: "Von",
        on_behalf_of: "Im Auftrag von",
        paid_by: "Bezahlt von",
        matched: "Auf der Seite geht es um",
        site: "Website",
        country: "Ihr Land",
        unknown: "nicht bekannt",
        used: "Was für die Auswahl verwendet wurde",
        used_items: [
            "worum es laut der Seite auf ihr geht: Themen, Namen, Wörter, Sprache",
            "eine Region, höchstens so genau wie ein Land",
        ],
        not_used: "Was nicht",
        fraud: "Gegen Betrug werden Adresse und Name des Browsers höchstens 24 Stunden im Arbeitsspeicher gehalten. Auf die Auswahl haben sie keinen Einfluss.",
        data_map: "Alles, was aufbewahrt wird, und wie lange",
        decision: "Entscheidung",
    },
    WhyWords {
        language: "fr",
        heading: "Pourquoi vous avez vu ceci",
        label: "Mention",
        shown_by: "De",
        on_behalf_of: "Pour le compte de",
        paid_by: "Payé par",
        matched: "La page parle de",
        site: "Site",
        country: "Votre pays",
        unknown: "inconnu",
        used: "Ce qui a servi à le choisir",
        used_items: [
            "ce dont la page dit parler : thèmes, noms, mots, langue",
            "une région, au plus aussi précise qu'un pays",
        ],
        not_used: "Ce qui n'a pas servi",
        fraud: "Contre la fraude, l'adresse et le nom du navigateur sont gardés en mémoire 24 heures au plus. Ils ne choisissent pas ce qui s'affiche.",
        data_map: "Tout ce qui est conservé, et combien de temps",
        decision: "Décision",
    },
    WhyWords {
        language: "es",
        heading: "Por qué ha visto esto",
        label: "Etiqueta",
        shown_by: "De",
        on_behalf_of: "En nombre de",
        paid_by: "Pagado por",
        matched: "La página trata de",
        site: "Sitio",
        country: "Su país",
        unknown: "desconocido",
        used: "Qué se usó para elegirlo",
        used_items: [
            "de qué dice tratar la página: temas, nombres, palabras, idioma",
            "una región, como mucho tan precisa como un país",
        ],
        not_used: "Qué no se usó",
        fraud: "Contra el fraude, la dirección y el nombre del navegador se guardan en memoria 24 horas como máximo. No eligen lo que se muestra.",
        data_map: "Todo lo que se conserva, y por cuánto tiempo",
        decision: "Decisión",
    },
    WhyWords {
        language: "it",
        heading: "Perché ha visto questo",
        label: "Etichetta",
        shown_by: "Da",
        on_behalf_of: "Per conto di",
        paid_by: "Pagato da",
        matched: "La pagina parla di",
        site: "Sito",
        country: "Il suo paese",
        unknown: "non noto",
        used: "Che cosa è servito a sceglierlo",
        used_items: [
            "di che cosa la pagina dice di parlare: temi, nomi, parole, lingua",
            "una regione, al massimo precisa quanto un paese",
        ],
        not_used: "Che cosa no",
        fraud: "Contro le frodi, l'indirizzo e il nome del browser restano in memoria al massimo 24 ore. Non scelgono che cosa viene mostrato.",
        data_map: "Tutto ciò che viene conservato, e per quanto tempo",
        decision: "Decisione",
    },
    WhyWords {
        language: "nl",
        heading: "Waarom u dit zag",
        label: "Gemarkeerd als",
        shown_by: "Van",
        on_behalf_of: "Namens",
        paid_by: "Betaald door",
        matched: "De pagina gaat over",
        site: "Site",
        country: "Uw land",
        unknown: "niet bekend",
        used: "Wat is gebruikt om het te kiezen",
        used_items: [
            "waar de pagina zegt over te gaan: onderwerpen, namen, woorden, taal",
            "een regio, hoogstens zo precies als een land",
        ],
        not_used: "Wat niet",
        fraud: "Tegen fraude blijven het adres en de naam van de browser hoogstens 24 uur in het geheugen. Ze kiezen niet wat wordt getoond.",
        data_map: "Alles wat wordt bewaard, en hoe lang",
        decision: "Beslissing",
    },
    WhyWords {
        language: "pl",
        heading: "Dlaczego to widać",
        label: "Oznaczenie",
        shown_by: "Od",
        on_behalf_of: "W imieniu",
        paid_by: "Opłacone przez",
        matched: "Strona dotyczy",
        site: "Witryna",
        country: "Kraj czytelnika",
        unknown: "nieznany",
        used: "Co posłużyło do wyboru",
        used_items: [
            "to, czego według strony ona dotyczy: tematy, nazwy, słowa, język",
            "region, najwyżej tak dokładny jak kraj",
        ],
        not_used: "Co nie posłużyło",
        fraud: "Przeciw nadużyciom adres i nazwa przeglądarki są trzymane w pamięci najwyżej 24 godziny. Nie decydują o tym, co się wyświetla.",
        data_map: "Wszystko, co jest przechowywane, i jak długo",
        decision: "Decyzja",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::label::LabelTable;

    #[test]
    fn every_language_of_the_label_table_has_texts_and_others_fall_back_to_english() {
        let table: LabelTable =
            toml::from_str(include_str!("../../../config/labels.toml")).unwrap();
        for words in &table.words {
            let language = words.language.to_string();
            assert_eq!(WhyWords::of(&language).language, words.language.primary());
        }
        assert_eq!(WhyWords::of("de-AT").paid_by, "Bezahlt von");
        assert_eq!(WhyWords::of("ja").language, "en");
        assert_eq!(WhyWords::of("").language, "en");
    }
}
